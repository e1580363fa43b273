import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, startFakeServer } from '../testing/fake-server.ts'

let server: FakeServer | undefined
afterEach(() => server?.close())

const agent = (name: string, condition?: object) => ({
  ...{ id: name.padStart(10, '0'), name, host: 'h', state: 'ready', slots: 2, busy: 0, gpus: [], queues: ['default'] },
  ...{ labels: {}, version: '1.0.0', lastSeenAt: '2026-01-01T00:00:00.000Z' },
  ...(condition === undefined ? {} : { condition }),
})
const BY_QUEUE = { claims: 'queue' }
const CUT_OFF = { claims: 'http', queueTrouble: 'no route to redis.test' }

async function run(argv: readonly string[], agents: readonly object[], routes: Readonly<Record<string, Route>> = {}) {
  server = await startFakeServer({ 'GET /agents': () => ({ agents }), ...routes })
  return runFake(argv, { env: { SWEEP_URL: server.url, SWEEP_TOKEN: 't'.repeat(30) } })
}

interface Row {
  readonly name: string
  readonly status: string
  readonly seen: string
}

async function doctor(agents: readonly object[], check?: object): Promise<Row[]> {
  const health = { status: 'ok', version: '1.0.0', database: 'ok' }
  const routes = { 'GET /health': () => health, ...(check === undefined ? {} : { 'GET /queue-check': () => check }) }
  const { stdout } = await run(['doctor', '--json'], agents, routes)
  const rows: Row[] = JSON.parse(stdout)
  return rows.filter(({ name }) => /agent|lost/.test(name))
}

test('sweep agent ls says how agents hear of work, and why not from the queue', async () => {
  const agents = [agent('a', BY_QUEUE), agent('b', CUT_OFF), agent('old')]
  const { stdout } = await run(['agent', 'ls', '-o', 'csv'], agents)
  const [head = '', ...rows] = stdout.trim().split('\n')
  const at = head.split(',').indexOf('claims')
  expect(rows.map((row) => row.split(',')[at])).toEqual(['queue', 'http', ''])
  expect(stdout).toContain('no route to redis.test')
})

test('doctor counts how agents claim, and names those that cannot use the queue', async () => {
  const rows = await doctor([agent('a', BY_QUEUE), agent('b', CUT_OFF), agent('old')], {
    status: 'ok',
    address: 'redis.test:6379',
  })
  expect(rows).toMatchObject([
    {
      name: 'agents',
      status: 'green',
      seen: '3 ready, with 6 slots; 1 claim from the queue, 1 over HTTP, 1 do not say how',
    },
    { name: 'agent queue', status: 'green', seen: expect.stringContaining('redis.test:6379 answers') },
    { name: 'agent b', status: 'yellow', seen: 'claims over HTTP: no route to redis.test' },
  ])
})

test('doctor says that the address which agents are told of does not answer', async () => {
  const check = { status: 'failed', address: 'redis.test:6379', problem: 'connect ECONNREFUSED' }
  expect(await doctor([], check)).toMatchObject([
    { name: 'agents', status: 'yellow', seen: 'none is ready' },
    { name: 'agent queue', status: 'yellow', seen: expect.stringContaining('connect ECONNREFUSED') },
  ])
})

test('doctor says nothing of a queue where none is offered, or the server is too old to say', async () => {
  const names = async (check?: object) => (await doctor([agent('a')], check)).map((row) => row.name)
  expect(await names({ status: 'not-offered' })).toEqual(['agents'])
  expect(await names()).toEqual(['agents'])
})

test('doctor names the namespaces in which agents were lost and no other may look for their Jobs', async () => {
  const forbidden = 'jobs.batch is forbidden'
  const looks = (...lostNamespaces: object[]) => ({ claims: 'http', lostNamespaces })
  const agents = [
    agent('a', looks({ namespace: 'open' }, { namespace: 'closed', problem: forbidden })),
    agent('b', looks({ namespace: 'open', problem: forbidden }, { namespace: 'closed', problem: forbidden })),
  ]
  const rows = (await doctor(agents)).filter(({ name }) => name === 'lost jobs')
  expect(rows).toMatchObject([{ status: 'yellow', seen: expect.stringContaining('namespace closed, where no other') }])
})
