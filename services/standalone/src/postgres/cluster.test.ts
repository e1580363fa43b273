import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { canTraverse, postgresUser } from './postgres-user.ts'

let folder: string
let cluster: Cluster | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-postgres-'))
  // As root Postgres runs as another user, who must be able to pass.
  await chmod(folder, 0o755)
})

afterEach(async () => {
  await cluster?.stop()
  cluster = undefined
  await rm(folder, { recursive: true, force: true })
})

async function answer(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows[0]?.[0]
  } finally {
    await client.end()
  }
}

test('a cluster starts empty, keeps its data over a restart, and is restarted when it is killed', async () => {
  const events: string[] = []
  const start = () => startCluster({ folder: join(folder, 'pg'), onEvent: (event) => events.push(event) })
  cluster = await start()
  await answer(cluster.url, "create table kept as select 'yes' as answer")
  await cluster.stop()

  cluster = await start()
  expect(await answer(cluster.url, 'select answer from kept')).toBe('yes')

  const [pid] = String(await answer(cluster.url, "select pg_read_file('postmaster.pid')")).split('\n')
  process.kill(Number(pid), 'SIGKILL')
  await expect.poll(() => events, { timeout: 15_000 }).toEqual(['died', 'restarted'])
  expect(await answer(cluster.url, 'select answer from kept')).toBe('yes')
}, 60_000)

test('as root Postgres runs as another user, and a folder that user cannot reach is noticed', async () => {
  expect(postgresUser(1000)).toBeUndefined()
  const passwd = join(folder, 'passwd')
  await writeFile(passwd, 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n')
  expect(postgresUser(0, passwd)).toEqual({ uid: 65534, gid: 65533 })
  expect(() => postgresUser(0, '/dev/null')).toThrow('does not run as root')
  expect(canTraverse(folder, { uid: 65534, gid: 65533 })).toBe(true)
  await chmod(folder, 0o700)
  expect(canTraverse(folder, undefined)).toBe(true)
  expect(canTraverse(folder, { uid: 65534, gid: 65533 })).toBe(false)
})
