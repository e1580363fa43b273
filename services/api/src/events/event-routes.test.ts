import { connect } from 'node:net'
import type { SweepId } from '@sweep/spec/ids'
import { SweepEventData } from '@sweep/spec/wire/api'
import { notify } from '@sweep/store/listen'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestSweep, type TestApi, TestController, testApi } from '../testing/test-api.ts'

let api: TestApi
let controller: TestController
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  controller = new TestController(api)
})
afterAll(() => api.close())
beforeEach(async () => {
  sweepId = await createTestSweep(api)
})

/** Facts of the stream until `count` of them have come, and the state events in between. */
async function watch(path: string, count: number, headers: Record<string, string> = {}): Promise<SweepEventData[]> {
  const response = await fetch(`${api.api.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${api.tokens.viewer}`, ...headers },
  })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const events: SweepEventData[] = []
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1]
      if (data !== undefined) events.push(SweepEventData.parse(JSON.parse(data)))
    }
    if (events.filter((event) => event.type === 'fact').length >= count) break
  }
  return events
}

const numbers = (events: readonly SweepEventData[]) =>
  events.flatMap((event) => (event.type === 'fact' ? [event.fact.seq] : []))

test('the facts of a sweep are replayed from the first, then come live, without a gap', async () => {
  await controller.issue(sweepId, 3)
  const stored = 1 + 3 * 2
  const watching = watch(`/sweeps/${sweepId}/events`, stored + 4)
  await controller.issue(sweepId, 2)
  await notify(api.database, 'sweep_changed', [sweepId])
  const events = await watching
  expect(numbers(events)).toEqual(Array.from({ length: stored + 4 }, (_, i) => i + 1))
  expect(events.find((event) => event.type === 'sweep')?.sweep.id).toBe(sweepId)
})

test('Last-Event-ID goes on after that fact, and so does after=', async () => {
  await controller.issue(sweepId, 2)
  const id = { 'last-event-id': '3' }
  expect(numbers(await watch(`/sweeps/${sweepId}/events`, 2, id))).toEqual([4, 5])
  expect(numbers(await watch(`/sweeps/${sweepId}/events?after=4`, 1))).toEqual([5])
  // The header is newer than the address that the browser opens again.
  expect(numbers(await watch(`/sweeps/${sweepId}/events?after=0`, 1, { 'last-event-id': '4' }))).toEqual([5])
})

test('more facts than fit one page come in order', async () => {
  await controller.issue(sweepId, 1200)
  expect(numbers(await watch(`/sweeps/${sweepId}/events`, 2401))).toEqual(Array.from({ length: 2401 }, (_, i) => i + 1))
})

test.each(['-1', 'abc', '1.5', '1e99', "1'; drop table facts"])('Last-Event-ID %j is refused', async (id) => {
  const headers = { authorization: `Bearer ${api.tokens.viewer}`, 'last-event-id': id }
  expect((await api.call('GET', `/sweeps/${sweepId}/events`, { headers })).status).toBe(400)
})

test('a sweep that does not exist has no stream', async () => {
  expect((await api.call('GET', '/sweeps/0000000000/events', { token: api.tokens.viewer })).status).toBe(404)
})

test('the overview tells of every sweep, and again when one changes', async () => {
  const response = await fetch(`${api.api.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${api.tokens.viewer}` },
  })
  const reader = response.body?.getReader()
  let text = ''
  const readUntil = async (wanted: RegExp) => {
    while (reader !== undefined && !wanted.test(text)) text += new TextDecoder().decode((await reader.read()).value)
  }
  await readUntil(new RegExp(sweepId))
  text = ''
  await api.call('POST', `/sweeps/${sweepId}/pause`, { token: api.tokens.operator })
  await readUntil(new RegExp(`"id":"${sweepId}".*"state":"paused"`))
  await reader?.cancel()
})

test('a reader that takes nothing holds up nobody, and does not fill the memory', async () => {
  const { port } = new URL(api.api.url)
  const slow = connect(Number(port), '127.0.0.1')
  slow.pause()
  slow.write(
    `GET /api/v1/sweeps/${sweepId}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${api.tokens.viewer}\r\n\r\n`,
  )
  await controller.issue(sweepId, 3000)
  await controller.issue(sweepId, 3000)
  expect(numbers(await watch(`/sweeps/${sweepId}/events`, 12_001))).toHaveLength(12_001)
  const sizes = await new Promise<number[]>((resolve, reject) => {
    api.api.app.server.getConnections((error, count) => (error ? reject(error) : resolve([count])))
  })
  expect(sizes[0]).toBeGreaterThan(0)
  slow.destroy()
})
