import { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { created, curves, ended, report, started, stopAsked, trialEnded } from '../testing/histories.ts'
import { foldAll, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { type PbtPrunerSettings, pbtPruner } from './pbt-pruner.ts'

function settings(pbt: object = {}, trials?: number): PbtPrunerSettings {
  return { pbt: Pbt.parse(pbt), limits: { parallelism: undefined, priority: 1, budget: { trials } } }
}

prunerContract(
  pbtPruner,
  [
    settings({ interval: 2, population: 4 }),
    settings({ interval: 1, population: 4, quantile: 0.5, maxResource: 12 }),
    settings({ interval: 3, resource: 'reports' }),
  ],
  'a member is compared with what the others have reported by then',
)

/** Eight members that report their numbers at each of the steps, in this order. */
function eight(steps: number, order = [1, 2, 3, 4, 5, 6, 7, 8]): FactBody[] {
  const rounds = Array.from({ length: steps }, (_, index) => order.map((trial) => report(trial, index + 1, trial)))
  return [...order.map((trial) => started(trial)), ...rounds.flat()]
}

function decisions(facts: readonly FactBody[], pbt = settings()) {
  return pbtPruner.decide(foldAll(pbtPruner, pbt, facts))
}

test('of eight members the worst two are pruned when they have trained for an interval, whoever comes first', () => {
  for (const order of [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [8, 7, 6, 5, 4, 3, 2, 1],
    [7, 2, 8, 1, 3, 6, 5, 4],
  ]) {
    expect(stopped(pbtPruner, settings(), eight(4, order))).toEqual([])
    expect(stopped(pbtPruner, settings(), eight(5, order))).toEqual([7, 8])
  }
  expect(decisions(eight(5))[1]).toEqual({
    kind: 'prune',
    trial: 8,
    attempt: 1,
    verdict: {
      reason: '8 is among the worst 2 of 8 at step 5; a copy of one of the best takes its place',
      resource: 5,
      value: 8,
      threshold: 2,
      rank: 8,
      peers: 8,
    },
  })
})

test('who is among the worst is pruned once those on their way can change nothing, and not before', () => {
  const lagging = (...trials: number[]) =>
    eight(5).filter((fact) => fact.kind !== 'report' || fact.step < 5 || !trials.includes(fact.trial))
  expect(stopped(pbtPruner, settings(), lagging(1))).toEqual([8])
  expect(stopped(pbtPruner, settings(), lagging(1, 2))).toEqual([])
  expect(stopped(pbtPruner, settings(), [...lagging(1, 2), ended(1), trialEnded(1), report(2, 5, 2)])).toEqual([8])
  // One that was issued and has not reported may do worse.
  const issued = [1, 2, 3, 4, 5].map((trial) => created(trial, { x: trial }, trial - 1))
  const four = [2, 3, 4, 5].flatMap((trial) => curves({ [trial]: [trial, trial, trial, trial, trial] }))
  expect(stopped(pbtPruner, settings(), [...issued, ...four])).toEqual([])
  expect(stopped(pbtPruner, settings(), [...issued, ...four, ...curves({ 1: [9] }), report(1, 5, 9)])).toEqual([1])
  expect(stopped(pbtPruner, settings(), [...issued.slice(1), ...four])).toEqual([5])
})

test('members are compared at the same resource: to be a step behind is no fault', () => {
  const falling = (trial: number, steps: number) => curves({ [trial]: [9, 8, 7, 6, 5, 4, 3].slice(0, steps) })
  const ahead = [1, 2, 3].flatMap((trial) => falling(trial, 7))
  expect(stopped(pbtPruner, settings(), [...ahead, ...falling(4, 5)])).toEqual([])
  const worse = [...falling(4, 4), report(4, 5, 5.1)]
  expect(stopped(pbtPruner, settings(), [...ahead, ...worse])).toEqual([4])
})

test('a member that has come a level further is not judged by the level below', () => {
  const four = curves({ 2: [2, 2, 2, 2, 2], 3: [3, 3, 3, 3, 3], 4: [1] })
  const first = [started(1), report(1, 1, 9), report(1, 5, 9), ...four]
  expect(stopped(pbtPruner, settings(), [...first, report(4, 5, 1)])).toEqual([1])
  expect(stopped(pbtPruner, settings(), [...first, report(1, 10, 9), report(4, 5, 1)])).toEqual([])
})

test('what counts is the value at the level, not the best; NaN is worst; as good as the best is good enough', () => {
  const close = (value: number, before = 1) => [
    ...curves({ 1: [1, 1, 1, 1, 1], 2: [1, 1, 1, 1, 1], 3: [1, 1, 1, 1, 1] }),
    ...curves({ 4: [before, 1, 1, 1, value] }),
  ]
  expect(stopped(pbtPruner, settings(), close(1))).toEqual([])
  expect(stopped(pbtPruner, settings(), close(1.1, 0))).toEqual([4])
  expect(stopped(pbtPruner, settings(), close(Number.NaN))).toEqual([4])
})

test('fewer than one in the worst quarter: nobody is pruned', () => {
  const three = curves({ 1: [1, 1, 1, 1, 1], 2: [2, 2, 2, 2, 2], 3: [9, 9, 9, 9, 9] })
  expect(stopped(pbtPruner, settings(), three)).toEqual([])
})

test('who would be copied is not pruned, and nobody is where no other trains any more', () => {
  const four = curves({ 1: [1, 1, 1, 1, 1], 2: [2, 2, 2, 2, 2], 3: [3, 3, 3, 3, 3] })
  const last = [started(4), report(4, 5, 4)]
  expect(stopped(pbtPruner, settings(), [...four, ...last])).toEqual([4])
  const alone = [1, 2, 3].flatMap((trial) => [ended(trial), trialEnded(trial)])
  expect(stopped(pbtPruner, settings(), [...four, ...alone, ...last])).toEqual([])
  const over = settings({ maxResource: 10 })
  expect(stopped(pbtPruner, over, [...four, ...last])).toEqual([4])
  expect(stopped(pbtPruner, over, [...four, ...[1, 2, 3].map((trial) => report(trial, 6, 1)), ...last])).toEqual([])
  // In the last interval nothing is compared.
  expect(stopped(pbtPruner, settings({ maxResource: 9 }), [...four, ...last])).toEqual([])
})

test('without a trial left in the budget the members train to their end; a budget that is raised counts', () => {
  const issued = [1, 2, 3, 4].map((trial) => created(trial, { x: trial }, trial - 1))
  const facts = [...issued, ...curves({ 1: [1, 1, 1, 1, 1], 2: [2, 2, 2, 2, 2], 3: [3, 3, 3, 3, 3] }), started(4)]
  const judged = (trials: number, between: FactBody[] = []) =>
    stopped(pbtPruner, settings({ population: 4 }, trials), [...facts, ...between, report(4, 5, 9)])
  expect(judged(4)).toEqual([])
  expect(judged(5)).toEqual([4])
  const raise: FactBody = { kind: 'control', action: 'change', by: 'ada', changes: { budget: { trials: 5 } } }
  expect(judged(4, [raise])).toEqual([4])
  // The place of a member pruned before is still to be taken.
  expect(judged(5, [stopAsked(3)])).toEqual([])
  // Of eight the worst two would go, and there is a trial for one of them.
  const eightIssued = [1, 2, 3, 4, 5, 6, 7, 8].map((trial) => created(trial, { x: trial }, trial - 1))
  expect(stopped(pbtPruner, settings({}, 9), [...eightIssued, ...eight(5, [8, 7, 6, 5, 4, 3, 2, 1])])).toEqual([8])
})

/** A copy that goes on from a trial. */
function child(trial: number, parent: number, step?: number): FactBody {
  return { ...created(trial, { x: trial }, trial), parent: { trial: parent, step } } as FactBody
}

test('a copy is compared once it has trained for an interval of its own', () => {
  const flat = (steps: number) => Array.from({ length: steps }, () => 1)
  const three = curves({ 1: flat(15), 2: flat(15), 3: flat(15) })
  const from = (step: number, ...steps: number[]) =>
    stopped(pbtPruner, settings(), [...three, child(4, 1, step), started(4), ...steps.map((at) => report(4, at, 9))])
  expect(from(5, 6, 10)).toEqual([4])
  expect(from(6, 7, 10)).toEqual([])
  expect(from(6, 7, 10, 15)).toEqual([4])
  // Those it is not compared with don't wait for it.
  const beside = [...three, child(4, 1, 6), started(4), report(4, 7, 1), ...curves({ 5: flat(9) }), report(5, 10, 9)]
  expect(stopped(pbtPruner, settings(), beside)).toEqual([5])
})

test('counted in reports, a copy has those of its ancestors behind it, unless it had to start from nothing', () => {
  const flat = (steps: number) => Array.from({ length: steps }, () => 1)
  const three = curves({ 1: flat(5), 2: flat(15), 3: flat(15), 5: flat(15) })
  const copies = (step: number | undefined) => {
    const copy = [child(4, 1, step), started(4), ...flat(5).map((_, index) => report(4, index, 9))]
    const facts = [...three, ...copy.slice(0, 2), trialEnded(1), ...copy.slice(2)]
    return decisions(facts, settings({ resource: 'reports' })).map(({ verdict }) => verdict.resource)
  }
  expect(copies(7)).toEqual([10])
  expect(copies(undefined)).toEqual([5])
  const heir = [child(4, 1, 5), ...curves({ 4: flat(5) }), child(6, 4, 10), started(6)]
  const last = [trialEnded(1), trialEnded(4), ...flat(5).map((_, index) => report(6, index, 9))]
  const facts = [...three, ...heir, ...last]
  expect(decisions(facts, settings({ resource: 'reports' })).map(({ verdict }) => verdict.resource)).toEqual([15])
})

test('a restarted member is compared again from where it took up', () => {
  const four = curves({ 1: [1, 1, 1, 1, 1], 2: [2, 2, 2, 2, 2], 4: [4, 4, 4, 4, 4] })
  const again = [...four, ended(4, 1, 'lost'), started(4, 2), report(4, 3, 0, 2), report(4, 5, 0, 2)]
  expect(stopped(pbtPruner, settings(), [...again, ...curves({ 3: [3, 3, 3, 3, 3] })])).toEqual([3])
  // Until it comes there again it counts as on its way, and not as what it was.
  const half = settings({ quantile: 0.5 })
  const issued = [1, 2, 3, 4].map((trial) => created(trial, { x: trial }, trial - 1))
  const back = [...issued, ...four, ended(4, 1, 'lost'), started(4, 2), report(4, 3, 0, 2)]
  expect(stopped(pbtPruner, half, [...back, ...curves({ 3: [3, 3, 3, 3, 3] })])).toEqual([3])
})

test('a new attempt of a member that lost its place is pruned at its first report', () => {
  const facts = [...curves({ 1: [1], 2: [2] }), stopAsked(2), ended(2, 1, 'lost'), started(2, 2)]
  expect(decisions(facts)).toEqual([])
  expect(decisions([...facts, report(2, 1, 0, 2)])).toEqual([
    { kind: 'prune', trial: 2, attempt: 2, verdict: { reason: 'another trial has taken its place in the population' } },
  ])
})
