import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectConsistent } from '../support/consistent.ts'
import { TestServer } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished, trialProcesses } from '../support/sweeps.ts'

let server: TestServer
let folder: string

beforeAll(async () => {
  server = await TestServer.start({ slots: 3 })
  folder = await mkdtemp(join(tmpdir(), 'sweep-promotion-'))
})

afterAll(async () => {
  await server.remove()
  await rm(folder, { recursive: true, force: true })
})

test.for([
  { name: 'asha', early: '{type: asha, mode: promote, max_resource: 9}', trials: 9 },
  { name: 'hyperband', early: '{type: sync-hyperband, max_resource: 9}', trials: 9 },
])(
  'with $name a Python program is paused, saves, and goes on from there: no step is done twice, its state is the same',
  { timeout: 120_000 },
  async ({ name, early, trials }) => {
    const log = join(folder, name)
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.5, max: 1.5}
command: [python3, checkpoints.py, "\${args}", --log=${log}]
early_terminate: ${early}
budget: {trials: ${trials}}
seed: 5
`,
    )
    const sweep = await finished(server, id)
    expect(sweep).toMatchObject({ state: 'completed', trials: { paused: 0, failed: 0, cancelled: 0 } })
    expect(sweep.trials.completed).toBeGreaterThanOrEqual(1)
    expect(sweep.trials.pruned).toBeGreaterThanOrEqual(5)

    const steps = new Map<string, number[]>()
    for (const line of (await readFile(log, 'utf8')).trim().split('\n')) {
      const [trial = '', step] = line.split(' ')
      steps.set(trial, [...(steps.get(trial) ?? []), Number(step)])
    }
    expect(steps.size).toBe(trials)
    for (const done of steps.values()) expect(done).toEqual(done.map((_, index) => index + 1))

    const facts = await allFacts(server, id)
    const resumes = facts.filter((fact) => fact.kind === 'trial-resumed')
    expect(resumes.length).toBeGreaterThanOrEqual(1)
    const again = facts.filter((fact) => fact.kind === 'attempt-queued' && fact.attempt > 1)
    for (const fact of again) expect('reason' in fact && fact.reason).toMatch(/resumed from its checkpoint of step \d/)
    const completed = (await allTrials(server, id)).filter((trial) => trial.state === 'completed')
    for (const { config, value } of completed) expect(value).toBeCloseTo(Number(config['x']) * 0.9 ** 9, 10)
    // One of them at least was resumed, or its state would say nothing.
    expect(Math.max(...completed.map((trial) => trial.attempts))).toBeGreaterThan(1)
    expect(await trialProcesses(server.home)).toEqual([])
    await expectConsistent(server, [id])
  },
)
