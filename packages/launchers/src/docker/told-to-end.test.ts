import type Docker from 'dockerode'
import { expect, test } from 'vitest'
import { wasToldToEnd } from './told-to-end.ts'

const kill = (signal: string) => `${JSON.stringify({ Action: 'kill', Actor: { ID: 'c', Attributes: { signal } } })}\n`

/** An engine that answers with these pieces of events, and then fails if it is to. */
function engineOf(pieces: readonly string[], failure?: Error): { engine: Docker; asked: unknown[] } {
  const asked: unknown[] = []
  async function* events() {
    for (const piece of pieces) yield Buffer.from(piece)
    if (failure !== undefined) throw failure
  }
  const getEvents = async (options: unknown) => {
    asked.push(options)
    return events()
  }
  return { engine: { getEvents } as unknown as Docker, asked }
}

const ask = (engine: Docker) => wasToldToEnd(engine, 'c', { StartedAt: '2026-11-28T00:00:00.5Z' })
const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const refused = Object.assign(new Error('forbidden'), { statusCode: 403 })

test.each<[string, readonly string[], boolean]>([
  ['nothing', [], false],
  ['a signal to end', [kill('15')], true],
  ['one that comes in two pieces', [kill('15').slice(0, 20), kill('15').slice(20)], true],
  ['another signal', [kill('10')], false],
  ['another, and then one to end', [kill('1'), kill('9')], true],
  ['what is no event', ['nonsense\n', '{}\n'], false],
])('of %s', async (_, pieces, told) => {
  expect(await ask(engineOf(pieces).engine)).toBe(told)
})

test('asks from the second of the start until a moment from now, and for this container alone', async () => {
  const { engine, asked } = engineOf([])
  const from = Date.now() / 1000
  await ask(engine)
  expect(asked).toMatchObject([{ since: Date.parse('2026-11-28T00:00:00Z') / 1000, filters: { container: ['c'] } }])
  const { until } = asked[0] as { until: number }
  expect(until).toBeGreaterThan(from)
  expect(until).toBeLessThan(Date.now() / 1000 + 1)
})

test('an engine that goes away is asked again by whoever asked, unless it has said enough', async () => {
  await expect(ask(engineOf([], away).engine)).rejects.toBe(away)
  await expect(ask(engineOf([kill('10')], away).engine)).rejects.toBe(away)
  expect(await ask(engineOf([kill('15')], away).engine)).toBe(true)
})

test('one that does not tell of events counts as no', async () => {
  expect(await ask(engineOf([], refused).engine)).toBe(false)
})
