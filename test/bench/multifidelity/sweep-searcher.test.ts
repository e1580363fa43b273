import { replay } from '@sweep/search/replay'
import type { Fact } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { CURVE_TASKS } from '../search/curve-tasks.ts'
import { combinationOf, documentOf } from './combination.ts'
import { ofCurveTask } from './fidelity-task.ts'
import { measureTimes, measureToHardest, simulateBudget } from './measure.ts'
import { TARGET_NAMES } from './protocol.ts'
import { sweepSearcher } from './sweep-searcher.ts'

const task = ofCurveTask(CURVE_TASKS[0]!)
const start = (label: string, trials = 100) => sweepSearcher(documentOf(combinationOf(label), task, 1, { trials }))

test('a sweep starts no more trials than its budget has', () => {
  const searcher = start('random+none', 5)
  expect(searcher.start(3, 0).map(({ trial }) => trial)).toEqual([1, 2, 3])
  expect(searcher.start(3, 1).map(({ trial }) => trial)).toEqual([4, 5])
  expect(searcher.start(3, 2)).toEqual([])
})

test('the pruner stops the second of two at a rung when it is worse, and none that is through', () => {
  const report = { step: 3, isLast: false, seconds: 1 }
  const searcher = start('random+asha')
  searcher.start(4, 0)
  expect(searcher.report({ ...report, trial: 1, value: 1 })).toEqual([])
  expect(searcher.report({ ...report, trial: 2, value: 2 })).toEqual([2])
  const median = start('random+median')
  median.start(7, 0)
  for (const trial of [1, 2, 3, 4, 5]) expect(median.report({ ...report, trial, value: 1 })).toEqual([])
  expect(median.report({ ...report, trial: 6, value: 2, isLast: true })).toEqual([])
  expect(median.report({ ...report, trial: 7, value: 2 })).toEqual([7])
})

test('a trial that is paused goes on when there is room and it is among the best, before a new one starts', () => {
  const searcher = start('random+promoting-asha')
  const [first] = searcher.start(1, 0)
  searcher.start(2, 0)
  const report = { step: 3, isLast: false, seconds: 1 }
  expect(searcher.report({ ...report, trial: 1, value: 1 })).toEqual([1])
  expect(searcher.report({ ...report, trial: 2, value: 2 })).toEqual([2])
  expect(searcher.start(1, 1).map(({ trial }) => trial)).toEqual([4])
  expect(searcher.report({ ...report, trial: 3, value: 3 })).toEqual([3])
  expect(searcher.start(2, 1).map(({ trial }) => trial)).toEqual([1, 5])
  // It reports as the attempt that went on.
  expect(searcher.report({ ...report, step: 9, trial: 1, value: 1 })).toEqual([1])
  expect(first!.trial).toBe(1)
})

test('once the budget is used up, what waits for more trials is decided', () => {
  const searcher = start('random+sync-hyperband', 4)
  searcher.start(4, 0)
  for (const trial of [1, 2, 3, 4])
    expect(searcher.report({ trial, value: trial, step: 3, isLast: false, seconds: 1 })).toEqual([trial])
  expect(searcher.start(4, 1).map(({ trial }) => trial)).toEqual([1])
})

test.each(['random+asha', 'tpe+promoting-asha', 'random+sync-hyperband'])(
  '%s writes facts as a controller does: they can be replayed, and what started ends once',
  async (label) => {
    const facts: Fact[] = []
    const document = documentOf(combinationOf(label), task, 3, { trials: 40 })
    await simulateBudget(
      sweepSearcher(document, (fact) => facts.push(fact)),
      task,
      8,
    )
    const { suggestions, decisions, differences } = replay(document, facts)
    expect(differences).toEqual([])
    expect(suggestions).toBe(40)
    expect(decisions).toBeGreaterThan(10)
    const attempts = (kind: Fact['kind']) =>
      facts.flatMap((fact) => (fact.kind === kind && 'attempt' in fact ? [`${fact.trial}/${fact.attempt}`] : []))
    expect(new Set(attempts('attempt-started')).size).toBe(attempts('attempt-started').length)
    expect(new Set(attempts('attempt-ended')).size).toBe(attempts('attempt-ended').length)
    const ended = facts.flatMap((fact) => (fact.kind === 'trial-ended' ? [fact.trial] : []))
    expect(new Set(ended).size).toBe(ended.length)
  },
)

test('without a pruner nothing is stopped', () => {
  const searcher = start('random+none')
  searcher.start(9, 0)
  for (let trial = 1; trial <= 9; trial += 1)
    expect(searcher.report({ trial, value: trial, step: 3, isLast: false, seconds: 1 })).toEqual([])
})

test('the same seed takes the same times, another one others', async () => {
  const run = (seed: number) => measureTimes(combinationOf('tpe+asha'), task, 8, seed)
  const times = await run(1)
  expect(await run(1)).toEqual(times)
  expect(await run(2)).not.toEqual(times)
  // A harder target takes no less.
  const reached = TARGET_NAMES.map((name) => times[name] ?? Number.POSITIVE_INFINITY)
  expect(reached).toEqual([...reached].sort((a, b) => a - b))
  expect(reached[0]).toBeLessThan(8)
})

test('without a budget the hardest target is reached by everyone, by many workers sooner', async () => {
  const lone = await measureToHardest(combinationOf('random+none'), task, 1, 1)
  const many = await measureToHardest(combinationOf('random+asha'), task, 32, 1)
  expect(lone / many).toBeGreaterThan(2)
})
