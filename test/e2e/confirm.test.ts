import type { Confirmation } from '@sweep/spec/wire/confirmation'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { trialSeed } from '../../services/api/src/trials/trial-seed.ts'
import { expectConsistent } from '../support/consistent.ts'
import { sweep, TestServer } from '../support/server.ts'
import { allFacts, createSweep, finished, getSweep, getTrial } from '../support/sweeps.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ slots: 4 })
})

afterAll(() => server.remove())

const SEED = 7
const source = (lucky: number | string) => `
name: noisy
method: grid
metric: {name: val_loss}
parameters:
  level: {values: [0.9, 0.3, 0.7, 0.5]}
  noise: {value: 0.05}
  lucky: {value: ${lucky}}
command: [python3, noisy.py, "\${args}"]
seed: ${SEED}
`

async function run(...args: readonly string[]) {
  return sweep(args, { env: await server.environment() })
}

async function confirmed(id: string, ...args: readonly string[]): Promise<{ found: Confirmation; stderr: string }> {
  const { stdout, stderr, status } = await run('confirm', id, '--json', ...args)
  expect([status, stderr]).toEqual([0, expect.any(String)])
  return { found: JSON.parse(stdout), stderr }
}

/** The seeds that the programs of each config were given, in the order of the trials; of the attempt that ended well. */
async function seedsOf(id: string): Promise<Map<unknown, number[]>> {
  const { trials } = await getSweep(server, id)
  const seeds = new Map<unknown, number[]>()
  for (let number = 1; number <= trials.completed + trials.failed; number += 1) {
    const { config, attemptList } = await getTrial(server, id, number)
    seeds.set(config['level'], [...(seeds.get(config['level']) ?? []), Number(attemptList.at(-1)?.environment['seed'])])
  }
  return seeds
}

test('a winner that one lucky seed made is found out, by seeds that were never used', {
  timeout: 180_000,
}, async () => {
  // The worst config gets the one lucky seed there is.
  const id = await createSweep(server, source(trialSeed({ seed: SEED }, 1, 0)))
  const ended = await finished(server, id)
  expect(ended.best).toMatchObject({ trial: 1, value: 0, config: { level: 0.9 } })

  const { found, stderr } = await confirmed(id, '--top', '3', '--seeds', '5')
  expect(found).toMatchObject({ of: id, seeds: 5, verdict: 'luck', metric: { name: 'val_loss', goal: 'minimize' } })
  expect(found.configs.map(({ trial, runs, group }) => [trial, runs, group])).toEqual([
    [2, 5, 'a'],
    [4, 5, 'b'],
    [1, 5, 'c'],
  ])
  expect(found.text).toMatch(/^That trial 1 won was luck: with fresh seeds trial 2 is better/)
  expect(found.text).toContain('Its recorded 0 was a lucky run')
  expect(stderr).toContain('15 of 15 runs have ended')
  expect(stderr).toContain('15 runs, judged by val_loss')

  // A child of its own: the sweep that has ended is as it was.
  expect((await getSweep(server, id)).trials).toMatchObject({ completed: 4 })
  expect(await getSweep(server, found.sweep)).toMatchObject({ state: 'completed', trials: { completed: 15 } })
  const [used, fresh] = [await seedsOf(id), await seedsOf(found.sweep)]
  const seeds = fresh.get(0.9)!
  expect(new Set(seeds).size).toBe(5)
  // The same for every config, so that they are compared seed by seed.
  expect([...fresh.values()]).toEqual([seeds, seeds, seeds])
  expect([...used.values()].flat().some((seed) => seeds.includes(seed))).toBe(false)
  expect((await allFacts(server, found.sweep)).filter(({ kind }) => kind === 'trial-created')).toHaveLength(15)
  expect(JSON.parse((await run('replay', found.sweep, '--json')).stdout)).toMatchObject({ same: true })
  await expectConsistent(server, [id, found.sweep])

  // The leaderboards and the report say it too.
  const board = (await run('leaderboard', id)).stdout.split('\n')
  expect(board[0]).toContain('again val_loss\tgroup')
  expect(board[1]).toMatch(/^1\t1\tcompleted\t0\t.*\tc$/)
  const own = (await run('leaderboard', found.sweep)).stdout.split('\n')
  expect(own[0]).toBe('rank\tval_loss\tlow\thigh\tdeviation\truns\ttrials\tconfig')
  expect(own[1]).toMatch(/^1\t0\.\d+\t.*\t5\/5\t\d+(,\d+){4}\tlevel=0\.3/)
  expect((await run('report', id)).stdout).toContain('That trial 1 won was luck')
  // Once more: the same answer, and no new runs.
  expect((await confirmed(found.sweep)).found).toEqual(found)
})

test('a winner that is one is confirmed, on the held-out metric', { timeout: 180_000 }, async () => {
  const id = await createSweep(server, source('none'))
  await finished(server, id)
  const { found, stderr } = await confirmed(id, '--top', '2', '--seeds', '6', '--metric', 'test_loss')
  expect(found).toMatchObject({ verdict: 'confirmed', metric: { name: 'test_loss', goal: 'minimize' }, seeds: 6 })
  expect(found.configs.map(({ trial, recorded, group }) => [trial, recorded, group])).toEqual([
    [2, null, 'a'],
    [4, null, 'b'],
  ])
  // The last value, not the best: choosing the step on held-out data would be cheating.
  expect(found.configs[0]?.mean).toBeGreaterThan(0.6)
  expect(found.configs[0]?.mean).toBeLessThan(1)
  expect(found.text).toMatch(
    /^Trial 2 is confirmed: with fresh seeds its mean test_loss of .* is better than that of trial 4\.$/,
  )
  expect(stderr).not.toContain('warning')
})

test('few seeds, wrong metrics and sweeps without a result are told', { timeout: 180_000 }, async () => {
  const id = await createSweep(
    server,
    source('none').replace('level: {values: [0.9, 0.3, 0.7, 0.5]}', 'level: {values: [0.5, 0.6]}'),
  )
  await finished(server, id)
  const few = await confirmed(id, '--seeds', '2')
  expect(few.stderr).toContain('warning: with fewer than 5 seeds')
  expect(few.found.warnings.join()).toContain('Only 2 seeds')
  const unknown = await run('confirm', id, '--metric', 'speed')
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('--goal minimize or --goal maximize')])
  const missing = await run(
    'confirm',
    id,
    '--metric',
    'no_such',
    '--goal',
    'maximize',
    '--seeds',
    '1',
    '--top',
    '1',
    '--json',
  )
  expect(missing.status).toBe(5)
  expect(JSON.parse(missing.stdout)).toMatchObject({
    verdict: 'unclear',
    configs: [{ runs: 0, mean: null, group: '' }],
  })
  for (const words of [
    ['--top', '0'],
    ['--seeds', '101'],
    ['--goal', 'up'],
  ]) {
    expect((await run('confirm', id, ...words)).status).toBe(2)
  }
  const failed = await createSweep(server, source('none').replace('noise: {value: 0.05}', 'noise: {value: loud}'))
  await finished(server, failed)
  const nothing = await run('confirm', failed)
  expect([nothing.status, nothing.stderr]).toEqual([1, expect.stringContaining('nothing to confirm')])
})

test('a server that is killed goes on with the runs, and what they come to can be waited for again', {
  timeout: 180_000,
}, async () => {
  const id = await createSweep(server, source('none'))
  await finished(server, id)
  const made = await run('confirm', id, '--seeds', '8', '--detach', '-o', 'name')
  const child = made.stdout.trim()
  await expect
    .poll(async () => (await getSweep(server, child)).trials.completed, { timeout: 60_000 })
    .toBeGreaterThan(2)
  await server.kill()
  await server.start()
  const { found } = await confirmed(child)
  expect(found.configs.map(({ runs }) => runs)).toEqual([8, 8, 8])
  const seeds = [...(await seedsOf(child)).values()]
  expect(seeds.map((of) => new Set(of).size)).toEqual([8, 8, 8])
  await expectConsistent(server, [id, child])
})
