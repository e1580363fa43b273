import type { Metric } from '@sweep/spec/document/sweep-document'
import { type AgentId, type AttemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import type { Point } from '@sweep/spec/wire/agent-protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { loadFacts } from './facts.ts'
import { leaderboard } from './leaderboard.ts'
import { ingestReports } from './reports.ts'
import { askStop } from './stops.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { getTrial, requeueTrial } from './trials.ts'

let fixture: TestDatabase
let agent: AgentId
beforeAll(async () => {
  fixture = await testDatabase()
  agent = await sampleAgent(fixture.database)
})
afterAll(() => fixture.drop())

const metric = (name: string, goal: Metric['goal'], summary: Metric['summary']): Metric => ({ name, goal, summary })
const LOSS = metric('loss', 'minimize', 'last')
const TWO = { metric: LOSS, objectives: [LOSS, metric('accuracy', 'maximize', 'best')] }
const BOUNDED = {
  metric: metric('loss', 'minimize', 'best'),
  constraints: [
    { name: 'memory', max: 8 },
    { name: 'loss', min: 0 },
  ],
}

/** An attempt that reports line by line, each at the next step. */
class Program {
  readonly id: AttemptId
  readonly #epoch: number
  #offset = 0

  private constructor(id: AttemptId, epoch: number) {
    this.id = id
    this.#epoch = epoch
  }

  static async start(sweep: { id: SweepId; ownerEpoch: number }): Promise<Program> {
    const [id] = await issue(fixture.database, sweep, [Math.random()])
    if (id === undefined) throw new Error('nothing was issued')
    return new Program(id, await claim(fixture.database, id, agent))
  }

  async log(...lines: readonly Point['values'][]): Promise<void> {
    const from = this.#offset
    this.#offset += lines.length
    const points = lines.map((values, index) => ({ step: from + index + 1, at: 1000, values }))
    const batches = [{ source: 'metrics' as const, from, to: this.#offset, points }]
    await ingestReports(fixture.database, agent, [report(this.id, this.#epoch, { batches })])
  }

  async end(cause: Parameters<typeof ending>[0] = 'succeeded'): Promise<void> {
    await ingestReports(fixture.database, agent, [report(this.id, this.#epoch, { ended: ending(cause) })])
  }

  get trial(): number {
    return attemptParts(this.id).trial
  }
}

const trialOf = async ({ id }: { id: SweepId }, { trial }: Program) => {
  const found = await getTrial(fixture.database, id, trial)
  if (found === undefined) throw new Error(`no trial ${trial}`)
  return found
}
const factsOf = async ({ id }: { id: SweepId }, kinds: readonly string[]) =>
  (await loadFacts(fixture.database, id, 0))
    .filter((fact) => kinds.includes(fact.kind))
    .map(({ seq: _, at: __, ...body }) => body)
const bestOf = async ({ id }: { id: SweepId }) => (await getSweep(fixture.database, id))?.best?.trial ?? null

test('values of the other objectives come before the report of their line, whatever their order in it', async () => {
  const sweep = await ownedSweep(fixture.database, TWO)
  const program = await Program.start(sweep)
  await program.log({ loss: 0.5, accuracy: 0.7, other: 1 }, { accuracy: Number.NaN }, { loss: 0.6, accuracy: 0.6 })
  const { trial } = program
  const side = { kind: 'side-report', trial, attempt: 1, name: 'accuracy' }
  expect(await factsOf(sweep, ['report', 'side-report'])).toEqual([
    { ...side, step: 1, value: 0.7 },
    { kind: 'report', trial, attempt: 1, step: 1, ordinal: 1, value: 0.5 },
    { ...side, step: 2, value: Number.NaN },
    { ...side, step: 3, value: 0.6 },
    { kind: 'report', trial, attempt: 1, step: 3, ordinal: 2, value: 0.6 },
  ])
  // Each by its own summary: the last loss, the best accuracy.
  expect(await trialOf(sweep, program)).toMatchObject({
    value: 0.6,
    sideValues: { accuracy: { reports: 3, finite: 2, value: 0.7 } },
  })
})

test('a trial ends with the value of every objective and constraint', async () => {
  const sweep = await ownedSweep(fixture.database, { ...TWO, constraints: [{ name: 'memory', max: 8 }] })
  const program = await Program.start(sweep)
  await program.log({ loss: 0.5, accuracy: 0.7 }, { accuracy: 0.9, memory: 9 })
  await program.log({ loss: Number.NaN, memory: 7 })
  await program.end()
  expect(await factsOf(sweep, ['trial-ended'])).toMatchObject([
    { state: 'completed', value: Number.NaN, values: { loss: Number.NaN, accuracy: 0.9, memory: 7 } },
  ])
})

test('with one objective and no constraint, no other metric leaves a fact or a value', async () => {
  const sweep = await ownedSweep(fixture.database)
  const program = await Program.start(sweep)
  await program.log({ loss: 0.5, accuracy: 0.7 })
  await program.end()
  expect(await factsOf(sweep, ['side-report'])).toEqual([])
  const [ended] = await factsOf(sweep, ['trial-ended'])
  expect(ended).not.toHaveProperty('values')
  expect((await trialOf(sweep, program)).sideValues).toEqual({})
})

test('an objective that was never reported, or only as NaN, fails the trial', async () => {
  const sweep = await ownedSweep(fixture.database, TWO)
  const silent = await Program.start(sweep)
  await silent.log({ loss: 0.5, acuracy: 0.7 })
  await silent.end()
  const broken = await Program.start(sweep)
  await broken.log({ loss: 0.5, accuracy: Number.NaN })
  await broken.end()
  expect((await trialOf(sweep, silent)).failure).toEqual({
    cause: 'no-metric',
    message: 'The program ended without reporting "accuracy"; it reported "loss", "acuracy". Did you mean "acuracy"?',
  })
  expect((await trialOf(sweep, broken)).failure).toMatchObject({ cause: 'nan' })
  expect(await factsOf(sweep, ['trial-ended'])).toMatchObject([
    { state: 'failed', value: 0.5, values: { loss: 0.5 } },
    { state: 'failed', value: 0.5, values: { loss: 0.5 } },
  ])
})

test('values of the other objectives add up over several requests', async () => {
  const sweep = await ownedSweep(fixture.database, TWO)
  const program = await Program.start(sweep)
  await program.log({ accuracy: 0.7 })
  await program.log({ accuracy: 0.8 }, { loss: 1 })
  expect((await trialOf(sweep, program)).sideValues).toEqual({ accuracy: { reports: 2, finite: 2, value: 0.8 } })
})

test('only a trial that keeps to the constraints is the best, and only as long as it does', async () => {
  const sweep = await ownedSweep(fixture.database, BOUNDED)
  const [heavy, light, lighter] = [await Program.start(sweep), await Program.start(sweep), await Program.start(sweep)]
  await heavy.log({ loss: 0.1 })
  expect(await bestOf(sweep)).toBeNull()
  await heavy.log({ memory: 9 })
  expect(await bestOf(sweep)).toBeNull()
  await light.log({ loss: 0.5, memory: 8 })
  await lighter.log({ loss: 0.6, memory: 7 })
  expect(await bestOf(sweep)).toBe(light.trial)
  await heavy.log({ memory: 7 })
  expect(await bestOf(sweep)).toBe(heavy.trial)
  await heavy.log({ memory: Number.NaN })
  expect(await bestOf(sweep)).toBe(light.trial)
  // Of its own metric too: the best value so far is below the bound.
  await light.log({ loss: -1 })
  expect(await bestOf(sweep)).toBe(lighter.trial)
  await lighter.log({ memory: 100 })
  expect(await bestOf(sweep)).toBeNull()
})

test('on the leaderboard trials that break a constraint come after the others, on pages of every size', async () => {
  const sweep = await ownedSweep(fixture.database, BOUNDED)
  const rows = [
    [0.4, 9],
    [0.5, 8],
    [0.3, 7],
    [0.1, 10],
    [0.5, 1],
  ] as const
  for (const [loss, memory] of rows) {
    const program = await Program.start(sweep)
    await program.log({ loss, memory })
  }
  const silent = await Program.start(sweep)
  const failed = await Program.start(sweep)
  await failed.log({ loss: 0.01, memory: 1 })
  await failed.end('user-error')
  const whole = [3, 2, 5, 4, 1, silent.trial, failed.trial]
  for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
    const numbers: number[] = []
    let after: string | undefined
    do {
      const request = { sweepId: sweep.id, limit, ...(after === undefined ? {} : { after }) }
      const page = await leaderboard(fixture.database, request)
      numbers.push(...page.rows.map((row) => row.number))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(numbers, `pages of ${limit}`).toEqual(whole)
  }
})

test('a failed trial that is run again counts with what it had reported, if that keeps to the constraints', async () => {
  const sweep = await ownedSweep(fixture.database, BOUNDED)
  const [good, bad] = [await Program.start(sweep), await Program.start(sweep)]
  await good.log({ loss: 0.5, memory: 1 })
  await bad.log({ loss: 0.1, memory: 10 })
  await good.end('user-error')
  await bad.end('user-error')
  expect(await bestOf(sweep)).toBeNull()
  for (const { trial } of [bad, good]) await requeueTrial(fixture.database, { sweepId: sweep.id, trial, by: 'me' })
  expect(await bestOf(sweep)).toBe(good.trial)
})

test('a paused trial that is ended for good ends with its values too', async () => {
  const sweep = await ownedSweep(fixture.database, TWO)
  const program = await Program.start(sweep)
  await program.log({ loss: 0.5, accuracy: 0.7 })
  await program.end('paused')
  const stops = [{ trial: program.trial, reason: 'pruned' as const, verdict: { reason: 'no use' } }]
  await askStop(fixture.database, { sweepId: sweep.id, basis: 1, by: 'me', stops })
  expect(await factsOf(sweep, ['trial-ended'])).toMatchObject([
    { state: 'pruned', value: 0.5, values: { loss: 0.5, accuracy: 0.7 } },
  ])
})
