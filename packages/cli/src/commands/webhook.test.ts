import type { WebhookView } from '@sweep/spec/wire/webhooks'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const WEBHOOK: WebhookView = {
  ...({ id: 'abc', name: 'hook', host: 'https://hook.example', format: 'json', kinds: null, project: null } as const),
  ...{ sweepId: null, thresholds: [], createdBy: 'me', createdAt: '2026-01-01T00:00:00.000Z', tries: 0 },
  ...{ lastError: null, lastSentAt: null, deadLetters: 2 },
}

async function run(...argv: string[]) {
  const letter = { error: 'no', tries: 8, failedAt: WEBHOOK.createdAt, body: { kind: 'test', text: 'a test' } }
  const server = await startFakeServer({
    'POST /webhooks': () => ({ webhook: WEBHOOK, secret: 'swh_secret' }),
    'PATCH /webhooks/abc': ({ body }) => ({ ...WEBHOOK, ...(body as { name?: string; kinds?: null }) }),
    'GET /webhooks': () => ({ webhooks: [WEBHOOK] }),
    'POST /webhooks/abc/test': () => ({ delivered: false, status: 500, error: 'the receiver answered 500' }),
    'GET /webhooks/abc/dead-letters': () => ({ deadLetters: [7, 8, 9].map((seq) => ({ ...letter, seq })) }),
    'POST /webhooks/abc/dead-letters/7/redeliver': () => ({ delivered: true, status: 200, error: null }),
    'POST /webhooks/abc/dead-letters/8/redeliver': () => ({ delivered: false, status: 500, error: 'no' }),
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(['webhook', ...argv], { env, terminal: { columns: 120, rows: 24 } })
  return { ...done, calls: server.calls }
}

test('add sends what was asked for, and shows the secret', async () => {
  const { stdout, calls, code } = await run(
    ...['add', 'https://hook.example/x', '--slack', '--kind', 'sweep.ended', '--kind', 'best.changed'],
    ...['--below', 'a=b=0.1', '--above', 'acc=0.9', '--project', 'p'],
  )
  expect(code).toBe(0)
  expect(stdout).toContain('swh_secret')
  expect(calls.at(-1)?.body).toEqual({
    ...{ url: 'https://hook.example/x', format: 'slack', kinds: ['sweep.ended', 'best.changed'], project: 'p' },
    thresholds: [
      { metric: 'acc', above: 0.9 },
      { metric: 'a=b', below: 0.1 },
    ],
  })
})

test('kinds and bounds that are none are refused before anything is sent', async () => {
  for (const argv of [
    ['--kind', 'sweep.exploded'],
    ['--below', 'loss'],
    ['--above', 'loss=high'],
    ['--above', '=1'],
  ]) {
    const { code, calls } = await run('add', 'https://hook.example/x', ...argv)
    expect(code).toBe(2)
    expect(calls.filter(({ method }) => method === 'POST')).toEqual([])
  }
})

test('update changes what is named and nothing else', async () => {
  const { stdout, calls, code } = await run(
    ...['update', 'abc', '--name', 'new', '--kind', 'best.changed', '--kind', 'sweep.ended'],
  )
  expect([code, calls.at(-1)?.body]).toEqual([0, { name: 'new', kinds: ['best.changed', 'sweep.ended'] }])
  expect(stdout).toMatch(/kinds +best\.changed,sweep\.ended/)
  const moved = await run('update', 'abc', '--url', 'https://other.example', '--all-kinds')
  expect(moved.calls.at(-1)?.body).toEqual({ url: 'https://other.example', kinds: null })
  expect(moved.stdout).toMatch(/kinds +all/)
})

test('an update without a change, or with two that contradict each other, is refused', async () => {
  for (const argv of [[], ['--kind', 'sweep.ended', '--all-kinds'], ['--kind', 'nothing']]) {
    const { code, calls } = await run('update', 'abc', ...argv)
    expect([code, calls.filter(({ method }) => method === 'PATCH')]).toEqual([2, []])
  }
})

test('ls shows how each fares, and a test that fails is a failure', async () => {
  expect((await run('ls')).stdout).toMatch(/abc +hook +https:\/\/hook\.example/)
  const { code, stdout } = await run('test', 'abc')
  expect(code).toBe(1)
  expect(stdout).toContain('the receiver answered 500')
})

test('dead lists what was set aside, and sends it again in order, up to the first that fails', async () => {
  expect((await run('dead', 'abc')).stdout).toContain('a test')
  const { code, calls } = await run('dead', 'abc', '--redeliver')
  expect(code).toBe(1)
  expect(calls.map(({ path }) => path).filter((path) => path.includes('redeliver'))).toHaveLength(2)
})
