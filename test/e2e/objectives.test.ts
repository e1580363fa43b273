import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectConsistent } from '../support/consistent.ts'
import { DIST, TestServer } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished, getTrial } from '../support/sweeps.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ slots: 4 })
})

afterAll(() => server.remove())

/** The command as a user has it, against the test's own server. */
async function sweep(...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], SWEEP_HOME: server.home }
  return (await promisify(execFile)(process.execPath, [join(DIST, 'sweep.js'), ...args], { env })).stdout
}

const SOURCE = `
method: random
metric: [{name: val_loss}, {name: latency_ms}]
constraints: [{name: memory_gb, max: 7}]
parameters:
  x: {min: 0.0, max: 1.0}
command: [/bin/sh, objectives.sh, "{x}"]
budget: {trials: 12}
seed: 3
`

test('two objectives and a constraint: leaderboard, front and facts over HTTP and in the command', {
  timeout: 120_000,
}, async () => {
  const id = await createSweep(server, SOURCE)
  const ended = await finished(server, id)
  expect(ended).toMatchObject({ state: 'completed', trials: { completed: 12 } })

  const rows = await allTrials(server, id)
  for (const { config, values, feasible } of rows) {
    const x = Number(config['x'])
    expect(values?.['val_loss']).toBeCloseTo(x / 3, 5)
    expect(values?.['latency_ms']).toBeCloseTo(10 * (1 - x), 5)
    expect(feasible).toBe(10 * x <= 7)
  }
  // The less the loss, the more the latency: no feasible trial beats another.
  expect(rows.map((row) => row.front)).toEqual(rows.map((row) => row.feasible))
  const infeasible = rows.filter((row) => !row.feasible).length
  expect(infeasible).toBeGreaterThan(0)
  expect(rows.slice(-infeasible).every((row) => !row.feasible)).toBe(true)
  const front = rows.filter((row) => row.front)
  expect(front.length).toBeGreaterThan(1)
  expect(front.map((row) => row.value)).toEqual(front.map((row) => Number(row.value)).toSorted((a, b) => a - b))
  expect(ended.best?.trial).toBe(front[0]?.number)

  const facts = await allFacts(server, id)
  const names = facts.flatMap((fact) => (fact.kind === 'side-report' && fact.trial === 1 ? [fact.name] : []))
  expect(names.toSorted()).toEqual(['latency_ms', 'memory_gb', 'memory_gb', 'memory_gb'])

  const best = JSON.parse(await sweep('best', id, '--json'))
  expect(best.map(({ trial }: { trial: number }) => trial)).toEqual(front.map((row) => row.number))
  expect(best[0].command).toMatch(/^\/bin\/sh objectives\.sh 0\.\d+$/)
  const table = (await sweep('leaderboard', id, '--all')).trim().split('\n')
  expect(table[0]).toContain('rank\tfront\ttrial\tstate\tval_loss\tlatency_ms\tmemory_gb\tfeasible')
  expect(table).toHaveLength(13)
  expect(await sweep('why', `${id}/1`)).toMatch(/completed with val_loss=\S+ .*latency_ms=\S+/)
  expect(await sweep('get', id)).toContain('constraints\tmemory_gb <= 7')
  const page = await sweep('report', id, '--html', '-')
  expect(page).toContain(`${front.length} of 12 trials are on the Pareto front`)
  expect(JSON.parse(await sweep('replay', id, '--json'))).toMatchObject({ same: true })
  await expectConsistent(server, [id])
})

test('a trial that ends without one of its objectives fails and says which', { timeout: 120_000 }, async () => {
  const id = await createSweep(
    server,
    SOURCE.replace('x: {min: 0.0, max: 1.0}', 'x: {value: 0.5}').replace('trials: 12', 'trials: 1'),
  )
  await finished(server, id)
  expect(await getTrial(server, id, 1)).toMatchObject({ state: 'failed', cause: 'no-metric', feasible: true })
  expect((await getTrial(server, id, 1)).reason).toContain('without reporting "latency_ms"')
})
