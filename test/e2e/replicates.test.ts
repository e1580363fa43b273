import type { ConfigBoard } from '@sweep/spec/wire/confirmation'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectConsistent } from '../support/consistent.ts'
import { sweep, TestServer } from '../support/server.ts'
import { allFacts, createSweep, finished, getTrial } from '../support/sweeps.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ slots: 4 })
})

afterAll(() => server.remove())

const SOURCE = `
method: grid
metric: {name: val_loss}
parameters:
  level: {values: [0.9, 0.3, 0.5]}
  noise: {value: 0.3}
command: [python3, noisy.py, "\${args}"]
replicates: {seeds: 4}
seed: 11
`

async function run(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, status } = await sweep(args, { env: await server.environment() })
  expect([status, stderr]).toEqual([0, expect.any(String)])
  return stdout
}

test('each config is run with the same seeds, and stands by the mean of its runs', { timeout: 120_000 }, async () => {
  const id = await createSweep(server, SOURCE)
  expect(await finished(server, id)).toMatchObject({ state: 'completed', trials: { completed: 12 } })
  const board = await server.call<ConfigBoard>('GET', `/sweeps/${id}/configs`)
  expect(board.rows.map(({ runs, trials }) => [runs, trials.length])).toEqual([
    [4, 4],
    [4, 4],
    [4, 4],
  ])
  for (const { values, mean, low, high } of board.rows) {
    expect(mean).toBeCloseTo(
      values.reduce<number>((sum, value) => sum + value! / 4, 0),
      9,
    )
    expect(low! < mean! && mean! < high!).toBe(true)
  }
  expect(board.rows.map(({ mean }) => mean)).toEqual(board.rows.map(({ mean }) => mean!).toSorted((a, b) => a - b))
  const seeds = await Promise.all(
    board.rows.map(({ trials }) =>
      Promise.all(
        trials.map(async (number) => (await getTrial(server, id, number)).attemptList[0]?.environment['seed']),
      ),
    ),
  )
  expect(new Set(seeds[0]).size).toBe(4)
  expect(seeds).toEqual([seeds[0], seeds[0], seeds[0]])

  expect((await run('leaderboard', id)).split('\n')).toHaveLength(5)
  expect((await run('leaderboard', id, '--trials', '--all')).split('\n')).toHaveLength(14)
  const best = JSON.parse(await run('best', id, '--json'))
  expect(best).toMatchObject({ config: board.rows[0]!.config, mean: board.rows[0]!.mean })
  const listed = JSON.parse(await run('get', id, '--json')).best
  expect(listed).toMatchObject({ config: board.rows[0]!.config, trial: board.rows[0]!.trials[0], runs: 4 })
  expect(listed.value).toBeCloseTo(board.rows[0]!.mean!, 12)
  expect(JSON.parse(await run('replay', id, '--json'))).toMatchObject({ same: true })

  const text = await run('report', id)
  expect(text).toContain('| rank | mean val\\_loss | 95 % interval |')
  expect(text).toMatch(/mean val\\_loss 0\.\d+ \(.* to .*\) of 4 runs, trials \d+, \d+, \d+, \d+\. Run in/)

  const again = JSON.parse(await run('confirm', id, '--top', '2', '--seeds', '5', '--json'))
  expect(again.configs.map(({ place, runs }: { place: number; runs: number }) => [place, runs]).sort()).toEqual([
    [1, 5],
    [2, 5],
  ])
  expect(again.configs.find(({ place }: { place: number }) => place === 1).recorded).toBe(board.rows[0]!.mean)
  await expectConsistent(server, [id, again.sweep])
})

test('a method that learns and a pruner go on through a crash, with every config of as many trials as it should have', {
  timeout: 180_000,
}, async () => {
  const id = await createSweep(
    server,
    SOURCE.replace(
      'method: grid',
      'method: tpe\nearly_terminate: {type: asha, min_resource: 1, reduction_factor: 4}\nrun_cap: 40',
    ).replace('level: {values: [0.9, 0.3, 0.5]}', 'level: {min: 0.0, max: 2.0}'),
  )
  await expect
    .poll(async () => (await allFacts(server, id)).filter(({ kind }) => kind === 'trial-ended').length, {
      timeout: 60_000,
    })
    .toBeGreaterThan(8)
  await server.kill()
  await server.start()
  await finished(server, id)
  const { rows } = await server.call<ConfigBoard>('GET', `/sweeps/${id}/configs`)
  const facts = await allFacts(server, id)
  const pruned = new Set(
    facts.flatMap((fact) => (fact.kind === 'trial-ended' && fact.state === 'pruned' ? [fact.trial] : [])),
  )
  for (const { trials } of rows.slice(0, -1)) {
    const isCut = trials.some((trial) => pruned.has(trial))
    // The last one that was issued may have met the end of the budget.
    if (!isCut && !trials.includes(40)) expect(trials).toHaveLength(4)
    expect(trials.length).toBeLessThanOrEqual(4)
  }
  expect(rows.reduce((sum, { trials }) => sum + trials.length, 0)).toBe(40)
  expect(JSON.parse(await run('replay', id, '--json'))).toMatchObject({ same: true })
  await expectConsistent(server, [id])
})
