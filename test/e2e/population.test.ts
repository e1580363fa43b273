import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectConsistent } from '../support/consistent.ts'
import { TestServer } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished, getTrial, trialProcesses } from '../support/sweeps.ts'

let server: TestServer
let folder: string

beforeAll(async () => {
  server = await TestServer.start({ slots: 4 })
  folder = await mkdtemp(join(tmpdir(), 'sweep-population-'))
})

afterAll(async () => {
  await server.remove()
  await rm(folder, { recursive: true, force: true })
})

test('with pbt a copy of a Python program goes on where its parent had saved, with the state that the parent had', {
  timeout: 120_000,
}, async () => {
  const log = join(folder, 'steps')
  const id = await createSweep(
    server,
    `
method: pbt
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.5, max: 1.5}
command: [python3, population.py, "\${args}", --log=${log}]
pbt: {population: 4, interval: 3, max_resource: 12}
seed: 5
`,
  )
  const sweep = await finished(server, id)
  expect(sweep).toMatchObject({ state: 'completed', trials: { failed: 0, cancelled: 0 } })
  const facts = await allFacts(server, id)
  const children = facts.flatMap((fact) => (fact.kind === 'trial-created' && fact.parent ? [fact] : []))
  expect(children.length).toBeGreaterThanOrEqual(1)
  expect(sweep.trials.pruned).toBeGreaterThanOrEqual(children.length)

  const lines = (await readFile(log, 'utf8')).trim().split('\n')
  for (const { trial, parent } of children) {
    const { trial: from, step = 0 } = parent ?? { trial: 0 }
    expect(step).toBeGreaterThanOrEqual(2)
    const [first = ''] = lines.filter((line) => line.startsWith(`${trial} `))
    const [, began, doneBy = ''] = first.split(' ')
    expect(Number(began)).toBe(step + 1)
    const parents = lines.find((line) => line.startsWith(`${from} ${step} `))?.split(' ')[2]
    expect(doneBy).toBe(`${parents},${trial}`)
    expect((await getTrial(server, id, trial)).parent).toBe(from)
  }
  // The last step of every member that was not pruned is the twelfth of one line of ancestors.
  const completed = (await allTrials(server, id)).filter((trial) => trial.state === 'completed')
  for (const { number } of completed) expect(lines.some((line) => line.startsWith(`${number} 12 `))).toBe(true)
  expect(completed.some(({ parent }) => parent !== undefined)).toBe(true)
  expect(await trialProcesses(server.home)).toEqual([])
  await expectConsistent(server, [id])
})
