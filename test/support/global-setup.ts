import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster } from '@sweep/standalone/postgres/cluster'

/**
 * One Postgres for the whole run, the embedded one unless SWEEP_TEST_DATABASE_URL names another; each test file makes a
 * database of its own in it.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['SWEEP_TEST_DATABASE_URL']) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'sweep-test-'))
  await chmod(folder, 0o755)
  const cluster = await startCluster({
    folder: join(folder, 'postgres'),
    maxConnections: 300,
    // Tests need no durability: a crash of this Postgres fails them anyway.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  })
  process.env['SWEEP_TEST_DATABASE_URL'] = cluster.url
  return async () => {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
