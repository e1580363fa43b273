import { EarlyTerminate, type SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { documentOf } from '../testing/documents.ts'
import { created, ended, report, started, trialEnded } from '../testing/histories.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { counterfactual, type Outcome } from './counterfactual.ts'
import { playback } from './playback.ts'
import { recordingOf } from './recording.ts'

const PRUNERS = {
  none: undefined,
  asha: { type: 'asha' },
  'asha with brackets': { type: 'asha', brackets: 2, maxResource: 30 },
  'asha by 4': { type: 'asha', reductionFactor: 4 },
  'promoting asha': { type: 'asha', mode: 'promote' },
  'promoting asha with brackets': { type: 'asha', mode: 'promote', brackets: 2, reductionFactor: 2 },
  'sync-hyperband': { type: 'sync-hyperband', maxResource: 27 },
  hyperband: { type: 'hyperband', minIter: 3 },
  median: { type: 'median' },
  percentile: { type: 'percentile', percentile: 40 },
  patience: { type: 'patience', patience: 4 },
  threshold: { type: 'threshold', upper: 0.9 },
  wilcoxon: { type: 'wilcoxon' },
  extrapolate: { type: 'extrapolate' },
}
const NAMES = Object.keys(PRUNERS) as (keyof typeof PRUNERS)[]

function prunerOf(name: keyof typeof PRUNERS): EarlyTerminate | undefined {
  return PRUNERS[name] && EarlyTerminate.parse(PRUNERS[name])
}

function sweepWith(name: keyof typeof PRUNERS, overrides: object = {}): SweepDocument {
  return documentOf({ ...overrides, ...(PRUNERS[name] && { earlyTerminate: PRUNERS[name] }) })
}

function simulated(document: SweepDocument, seed: number, failures = true): readonly Fact[] {
  return simulateSweep(document, 40, 5, { steps: 30, failures }, rngFor(seed, 0, 'workers')).facts
}

/** What a fact says, without where it stands: the playback numbers and dates its own. */
function said(fact: Fact): unknown {
  const { seq: _seq, at: _at, ...body } = { ...fact, basis: 0 }
  return body
}

for (const name of NAMES) {
  test(`${name}: the sweep's own pruner gives the record again: the same stops, nothing saved, nothing unknown`, () => {
    for (const goal of ['minimize', 'maximize'] as const) {
      for (let seed = 0; seed < 2; seed += 1) {
        const document = sweepWith(name, { metric: { name: 'loss', goal } })
        const facts = simulated(document, seed)
        const { recorded, outcomes } = counterfactual(document, facts, [document.earlyTerminate])
        expect(outcomes).toEqual([recorded])
      }
    }
  })

  test(`${name}: played over its own record, every fact comes again in its place`, () => {
    const document = sweepWith(name)
    const facts = simulated(document, 11)
    const told: Fact[] = []
    const { fold } = playback(recordingOf(document, facts), document.earlyTerminate, (fact) => told.push(fact))
    expect(told.map(said)).toEqual(facts.map(said))
    expect(fold.foldedSeq).toBe(facts.length)
  })

  test(`${name}: over a sweep that stopped nothing, everything is known and nothing costs more`, () => {
    const document = sweepWith('none')
    for (let seed = 0; seed < 2; seed += 1) {
      const facts = simulated(document, seed)
      const { recorded, outcomes, top } = counterfactual(document, facts, [prunerOf(name)], 40)
      const [outcome] = outcomes
      expect(outcome!.unknown).toEqual([])
      expect(outcome!.costAtMost).toEqual(outcome!.cost)
      expect(outcome!.cost.seconds).toBeLessThanOrEqual(recorded.cost.seconds)
      expect(outcome!.regret).toBeGreaterThanOrEqual(0)
      // With all trials looked for, every one that was stopped before its end is among the killed.
      expect(top).toHaveLength(40)
      expect(outcome!.killed.length).toBeLessThanOrEqual(outcome!.pruned)
      for (const { step } of outcome!.killed) expect(step ?? 0).toBeLessThan(30)
      if (name === 'none') expect(outcome).toEqual(recorded)
      else if (name !== 'wilcoxon' && name !== 'threshold') expect(outcome!.pruned).toBeGreaterThan(0)
    }
  })
}

const objectives = [
  { name: 'loss', goal: 'minimize' },
  { name: 'size', goal: 'maximize' },
]
const OTHERS = {
  'two objectives, a constraint and asha': {
    ...{ method: 'nsga2', objectives, constraints: [{ name: 'loss', max: 1 }], earlyTerminate: { type: 'asha' } },
  },
  'two objectives and promoting asha': { objectives, earlyTerminate: { type: 'asha', mode: 'promote' } },
  'the last value and median': {
    ...{ metric: { name: 'loss', goal: 'minimize', summary: 'last' }, earlyTerminate: { type: 'median' } },
  },
}
for (const [name, overrides] of Object.entries(OTHERS)) {
  test(`${name}: its own pruner gives the record again`, () => {
    const document = documentOf(overrides)
    for (let seed = 0; seed < 4; seed += 1) {
      const { recorded, outcomes } = counterfactual(document, simulated(document, seed), [document.earlyTerminate])
      expect(outcomes).toEqual([recorded])
    }
  })
}

test('paused trials that start anew for want of a checkpoint give the record again as well', () => {
  for (const name of ['promoting asha', 'sync-hyperband'] as const) {
    const document = sweepWith(name)
    const work = { steps: 30, checkpoints: false }
    const { facts } = simulateSweep(document, 40, 5, work, rngFor(6, 0, 'workers'))
    const { recorded, outcomes } = counterfactual(document, facts, [document.earlyTerminate, undefined])
    expect(outcomes[0]).toEqual(recorded)
    expect(outcomes[1]!.pruned).toBe(0)
  }
})

test("what people did is done again: their prunes are not the pruner's, and a cancelled trial stays so", () => {
  const document = documentOf()
  const byPerson: FactBody = {
    kind: 'stop-asked',
    ...{ trial: 1, attempt: 1, stop: 'pruned', basis: 0, by: 'ada', verdict: { reason: 'looks bad' } },
  }
  const facts = recorded([
    ...[created(1, {}), started(1), report(1, 1, 0.2), byPerson, endedAfter(1, 2, 'pruned'), trialEnded(1, 'pruned')],
    ...[created(2, {}), started(2), report(2, 1, 0.4), ended(2, 1, 'cancelled'), trialEnded(2, 'cancelled')],
  ])
  const { recorded: was, outcomes } = counterfactual(document, facts, [undefined, threshold])
  expect(was.pruned).toBe(0)
  expect(outcomes).toEqual([was, was])
})

test('every pruner can be played over the record of every other, and the trials end once each', () => {
  for (const own of NAMES) {
    const document = sweepWith(own)
    const recording = recordingOf(document, simulated(document, 5))
    for (const other of NAMES) {
      const { fold, trials } = playback(recording, prunerOf(other))
      expect(fold.running.size + fold.queued.size, `${other} over ${own}`).toBe(0)
      expect(fold.counts.paused, `${other} over ${own}`).toBe(0)
      expect(trials).toHaveLength(40)
      const tapes = new Map(
        [...recording.tapes].map(([trial, { events }]) => [trial, events.filter((one) => one.fact.kind === 'report')]),
      )
      for (const { trial, reports } of trials) expect(reports).toBeLessThanOrEqual(tapes.get(trial)!.length)
    }
  }
})

test('the same record and pruner give the same outcome, whatever the config and the sampler', () => {
  const document = sweepWith('asha')
  const facts = simulated(document, 2)
  const others = [prunerOf('median'), prunerOf('promoting asha')]
  const once = counterfactual(document, facts, others)
  expect(counterfactual(document, facts, others)).toEqual(once)
  const blank = facts.map((fact) => (fact.kind === 'trial-created' ? { ...fact, config: {} } : fact))
  expect(counterfactual({ ...document, method: 'tpe' }, blank, others)).toEqual(once)
})

test('more slots taken than there were never happens', () => {
  const document = sweepWith('none')
  const recording = recordingOf(document, simulated(document, 3))
  expect(recording.slots).toBe(5)
  for (const name of NAMES) {
    let running = 0
    let most = 0
    playback(recording, prunerOf(name), (fact) => {
      if (fact.kind === 'attempt-started') running += 1
      if (fact.kind === 'attempt-ended') running -= 1
      most = Math.max(most, running)
    })
    expect(most, name).toBeLessThanOrEqual(5)
  }
})

/** Facts one second apart. */
function recorded(bodies: readonly FactBody[], gpus = 0): Fact[] {
  return bodies.map((body, index) => ({
    ...body,
    ...(body.kind === 'attempt-started' && { gpus }),
    seq: index + 1,
    at: new Date(index * 1000),
  })) as Fact[]
}

function endedAfter(trial: number, seconds: number, cause: 'succeeded' | 'pruned' = 'succeeded', gpus = 0): FactBody {
  return { ...ended(trial, 1, cause), seconds, gpuSeconds: seconds * gpus } as FactBody
}

/** Trial after trial, each with these losses at the steps 1, 2, 3, … */
function oneByOne(curves: readonly (readonly number[])[], gpus = 0): Fact[] {
  const bodies = curves.flatMap((curve, index) => [
    created(index + 1, {}),
    started(index + 1),
    ...curve.map((value, at) => report(index + 1, at + 1, value)),
    endedAfter(index + 1, curve.length + 1, 'succeeded', gpus),
    trialEnded(index + 1),
  ])
  return recorded(bodies, gpus)
}

const threshold = EarlyTerminate.parse({ type: 'threshold', upper: 0.5 })

test('a killed winner is regret: how much was saved, what it had come to, and when', () => {
  // Trial 2 begins above the threshold and ends as the best one.
  const document = documentOf()
  const facts = oneByOne(
    [
      [0.4, 0.3, 0.25],
      [0.9, 0.4, 0.1],
      [0.45, 0.44, 0.43],
    ],
    2,
  )
  const { recorded, outcomes } = counterfactual(document, facts, [threshold], 2)
  expect(recorded).toMatchObject({ pruned: 0, best: { trial: 2, value: 0.1 }, cost: { seconds: 12, gpuSeconds: 24 } })
  expect(outcomes[0]).toMatchObject({
    pruned: 1,
    unknown: [],
    best: { trial: 1, value: 0.25 },
    regret: expect.closeTo(0.15),
    // Stopped at once, at its first report: a second of four.
    cost: { seconds: expect.closeTo(9), gpuSeconds: expect.closeTo(18) },
    killed: [{ trial: 2, rank: 1, value: 0.1, step: 1, valueAtStep: 0.9, reason: expect.stringContaining('0.9') }],
  } satisfies Partial<Record<keyof Outcome, unknown>>)
})

test('regret is in the direction of the goal', () => {
  const document = documentOf({ metric: { name: 'acc', goal: 'maximize' } })
  const facts = oneByOne([
    [0.4, 0.6],
    [0.2, 0.9],
  ])
  const lower = EarlyTerminate.parse({ type: 'threshold', lower: 0.3 })
  const [outcome] = counterfactual(document, facts, [lower]).outcomes
  expect(outcome).toMatchObject({ best: { trial: 1, value: 0.6 }, regret: expect.closeTo(0.3) })
})

test('what a trial that was stopped would have come to is unknown: its cost has bounds, and it counts as not pruned', () => {
  const document = documentOf({ earlyTerminate: { type: 'threshold', upper: 0.5 } })
  const stop: FactBody = {
    kind: 'stop-asked',
    ...{ trial: 2, attempt: 1, stop: 'pruned', basis: 10, by: 'pruner' },
    verdict: { reason: '0.9 is above the upper bound 0.5' },
  }
  const facts = recorded([
    ...[created(1, {}), started(1), report(1, 1, 0.4), report(1, 2, 0.3), report(1, 3, 0.2), report(1, 4, 0.2)],
    ...[endedAfter(1, 5), trialEnded(1)],
    ...[created(2, {}), started(2), report(2, 1, 0.9), stop, endedAfter(2, 3, 'pruned'), trialEnded(2, 'pruned')],
  ])
  const { recorded: was, outcomes, fullReports } = counterfactual(document, facts, [undefined, threshold])
  expect(was).toMatchObject({ pruned: 1, cost: { seconds: 8 } })
  expect(fullReports).toBe(4)
  expect(outcomes[0]).toMatchObject({ pruned: 0, unknown: [2], regret: 0, killed: [] })
  expect(outcomes[0]!.cost.seconds).toBe(8)
  // Three more reports, a second each: what it took to begin and to end is not counted again.
  expect(outcomes[0]!.costAtMost.seconds).toBe(11)
  expect(outcomes[1]).toEqual(was)
})

test('a stop takes as long as those of the record took', () => {
  // The own pruner stops above 0.5; each stop comes one report later. Another one that stops above 0.35 takes as long.
  const document = documentOf({ earlyTerminate: { type: 'threshold', upper: 0.5 } })
  const stop: FactBody = {
    kind: 'stop-asked',
    ...{ trial: 1, attempt: 1, stop: 'pruned', basis: 3, by: 'pruner' },
    verdict: { reason: '0.9 is above the upper bound 0.5' },
  }
  const facts = recorded([
    ...[created(1, {}), started(1), report(1, 1, 0.9), report(1, 2, 0.8), stop, endedAfter(1, 4, 'pruned')],
    ...[trialEnded(1, 'pruned'), created(2, {}), started(2), report(2, 1, 0.4), report(2, 2, 0.4), report(2, 3, 0.4)],
    ...[report(2, 4, 0.4), report(2, 5, 0.1), endedAfter(2, 6), trialEnded(2)],
  ])
  const recording = recordingOf(document, facts)
  expect(recording).toMatchObject({ askedAfterMs: 2000, endedAfterMs: 3000 })
  const stricter = EarlyTerminate.parse({ type: 'threshold', upper: 0.35 })
  const [outcome] = counterfactual(document, facts, [stricter]).outcomes
  expect(outcome!.killed).toMatchObject([{ trial: 2, step: 3 }])
})

test('a pause that the other pruner does not make takes no time: the trial goes on at once', () => {
  const document = documentOf({ earlyTerminate: { type: 'asha', mode: 'promote' } })
  const pause: FactBody = {
    kind: 'stop-asked',
    ...{ trial: 1, attempt: 1, stop: 'paused', basis: 3, by: 'pruner', verdict: { reason: 'waits' } },
  }
  const resume: FactBody = {
    kind: 'trial-resumed',
    ...{ trial: 1, attempt: 1, basis: 5, by: 'pruner', verdict: { reason: 'best' } },
  }
  const queued = (attempt: number): FactBody => ({ kind: 'attempt-queued', trial: 1, attempt, reason: 'test' })
  const first = [
    created(1, {}),
    queued(1),
    started(1),
    report(1, 1, 0.4),
    pause,
    { ...ended(1, 1, 'paused'), seconds: 3 },
  ]
  const second = [resume, queued(2), started(1, 2), report(1, 2, 0.2, 2), { ...ended(1, 2), seconds: 2 }, trialEnded(1)]
  // A hundred seconds lie between the two.
  const facts = recorded([...first, ...second] as FactBody[]).map((fact) => ({
    ...fact,
    at: new Date(fact.at.getTime() + (fact.seq > first.length ? 100_000 : 0)),
  }))
  const told: Fact[] = []
  playback(recordingOf(document, facts), undefined, (fact) => told.push(fact))
  expect(told.map(({ kind, at }) => [kind, at.getTime() / 1000])).toEqual([
    ['trial-created', 0],
    ['attempt-queued', 1],
    ['attempt-started', 2],
    ['report', 3],
    // It stopped at second 5 of the record, and began to run again a second before its next report.
    ['report', 6],
    ['attempt-ended', 7],
    ['trial-ended', 8],
  ])
  expect(told.flatMap((fact) => (fact.kind === 'report' ? [fact.attempt] : []))).toEqual([1, 1])
  expect(counterfactual(document, facts, [undefined]).outcomes[0]).toMatchObject({ cost: { seconds: 5 }, unknown: [] })
})

test('a stop that comes with the last report changes nothing', () => {
  const document = documentOf()
  const facts = oneByOne([[0.4, 0.3, 0.9]])
  const { recorded: was, outcomes } = counterfactual(document, facts, [threshold])
  expect(outcomes).toEqual([was])
})

test('a sweep without a single report or trial has no best, and no regret', () => {
  const document = documentOf()
  const facts = recorded([created(1, {}), started(1), ended(1, 1, 'user-error'), trialEnded(1, 'failed')])
  for (const some of [facts, []]) {
    const { recorded: was, outcomes } = counterfactual(document, some, [prunerOf('asha'), undefined])
    expect(was).toMatchObject({ best: null, regret: null, pruned: 0 })
    expect(outcomes).toEqual([was, was])
  }
})

test('a sweep that still runs is looked at as far as it has come', () => {
  const document = documentOf()
  const queued: FactBody = { kind: 'attempt-queued', trial: 1, attempt: 1, reason: 'new' }
  const facts = recorded([created(1, {}), queued, started(1), report(1, 1, 0.4), report(1, 2, 0.3)], 1)
  const { recorded: was, outcomes, running, isFullKnown } = counterfactual(document, facts, [undefined])
  expect({ running, isFullKnown }).toEqual({ running: 1, isFullKnown: false })
  expect(was.cost).toEqual({ seconds: 2, gpuSeconds: 2 })
  expect(outcomes).toEqual([was])
})
