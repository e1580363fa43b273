import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { postgresPid, postgresProcesses } from '../support/postgres-of.ts'
import { freePort } from '../support/redis.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { createSweep, finished, getSweep } from '../support/sweeps.ts'
import { expectAllReports, TEN_TRIALS } from '../support/ten-trials.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('Postgres stopped for 20 seconds in the middle: training goes on, nothing is lost', async () => {
  const server = await TestServer.start({ slots: 5, embedded: true })
  cleanups.push(() => server.remove())
  const id = await createSweep(server, TEN_TRIALS)
  await waitFor(async () => (await getSweep(server, id)).trials.running === 5)
  // Every process of Postgres stops, as when its disk hangs; connections stay open and nothing answers.
  const processes = await postgresProcesses(server)
  for (const pid of processes) process.kill(pid, 'SIGSTOP')
  try {
    await sleep(20_000)
  } finally {
    for (const pid of processes) process.kill(pid, 'SIGCONT')
  }
  expect((await finished(server, id)).trials).toMatchObject({ completed: 10, failed: 0 })
  await expectAllReports(server, id)
}, 150_000)

test('Postgres killed in the middle comes back by itself and the sweep completes', async () => {
  const server = await TestServer.start({ slots: 5, embedded: true })
  cleanups.push(() => server.remove())
  const id = await createSweep(server, TEN_TRIALS)
  await waitFor(async () => (await getSweep(server, id)).trials.running === 5)
  process.kill(await postgresPid(server), 'SIGKILL')
  expect((await finished(server, id)).trials).toMatchObject({ completed: 10, failed: 0 })
  await expectAllReports(server, id)
}, 150_000)

test('a Postgres that cannot be reached at the start is named, and waited for', async () => {
  const port = await freePort()
  const home = await mkdtemp(join(tmpdir(), 'sweep-home-'))
  cleanups.push(() => rm(home, { recursive: true, force: true }))
  const failure = await TestServer.start({
    env: { DATABASE_URL: `postgres://sweep:secret@127.0.0.1:${port}/sweep`, SWEEP_CONNECT_TIMEOUT_MS: '3000' },
  }).then(
    async (server) => {
      await server.remove()
      return 'started'
    },
    (cause: Error) => cause.message,
  )
  expect(failure).toContain(`127.0.0.1:${port}`)
  expect(failure).toContain('trying again')
  expect(failure).not.toContain('secret')
  expect(failure).not.toContain('    at ')
})

test('a port in use is named, with what to do', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()))
  cleanups.push(() => new Promise((resolve) => other.close(() => resolve())))
  const address = other.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const failure = await TestServer.start({ env: { SWEEP_PORT: String(port) } }).then(
    async (server) => {
      await server.remove()
      return 'started'
    },
    (cause: Error) => cause.message,
  )
  expect(failure).toContain(String(port))
  expect(failure).toContain('SWEEP_PORT')
  expect(failure).not.toContain('    at ')
})
