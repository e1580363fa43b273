import type { Fact } from '@sweep/spec/facts'
import { afterAll, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { TestServer } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished } from '../support/sweeps.ts'

const cleanups: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

const SHORT = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 1000000}
command: [/bin/sh, steps.sh, "\${args}", --steps=2, --pause=0.02]
`

/** How many attempts run after each fact. */
function runningAfter(facts: readonly Fact[]): number[] {
  let running = 0
  return facts.map((fact) => {
    if (fact.kind === 'attempt-started') running += 1
    if (fact.kind === 'attempt-ended') running -= 1
    return running
  })
}

test('two agents share 200 trials of two sweeps: no config twice, limits kept at every instant, slots by priority', async () => {
  const server = await TestServer.start({ agent: false })
  cleanups.push(() => server.remove())
  for (const name of ['one', 'two']) {
    const agent = await TestAgent.start(server, { name, slots: 3 })
    cleanups.push(() => agent.remove())
  }
  const [heavy, light, capped] = [
    await createSweep(server, `${SHORT}budget: {trials: 100}\npriority: 3\nseed: 1\n`),
    await createSweep(server, `${SHORT}budget: {trials: 60}\npriority: 1\nseed: 2\n`),
    await createSweep(server, `${SHORT}budget: {trials: 40}\nparallelism: 1\nseed: 3\n`),
  ]
  for (const id of [heavy, light, capped]) expect((await finished(server, id)).state).toBe('completed')

  const all = await Promise.all([heavy, light, capped].map((id) => allFacts(server, id)))
  for (const [index, trials] of [100, 60, 40].entries()) {
    const facts = all[index] ?? []
    const configs = facts.filter((fact) => fact.kind === 'trial-created').map((fact) => JSON.stringify(fact.config))
    expect(configs).toHaveLength(trials)
    expect(new Set(configs).size).toBe(trials)
    expect(Math.max(...runningAfter(facts))).toBeLessThanOrEqual(6)
    expect(facts.map((fact) => fact.seq)).toEqual(facts.map((_, at) => at + 1))
  }
  expect(Math.max(...runningAfter(all[2] ?? []))).toBe(1)

  // While all three have trials left, the heavy sweep starts about three times as many as the light one.
  const starts = all.flatMap((facts, sweep) =>
    facts.filter((fact) => fact.kind === 'attempt-started').map((fact) => ({ sweep, at: fact.at.getTime() })),
  )
  const contested = Math.min(
    ...[0, 1].map((sweep) => Math.max(...starts.filter((start) => start.sweep === sweep).map((start) => start.at))),
  )
  const count = (sweep: number) => starts.filter((start) => start.sweep === sweep && start.at <= contested).length
  expect(count(0) / count(1)).toBeGreaterThan(2)
  expect(count(0) / count(1)).toBeLessThan(4.5)

  const running = starts.length
  expect(running).toBe(200)
  const agents = new Set((await allTrials(server, heavy)).map((row) => row.agent))
  expect(agents).toEqual(new Set(['one', 'two']))
  await expectConsistent(server, [heavy, light, capped])
}, 180_000)
