import { expect, test } from 'vitest'
import { bestAt, duelsOf, isFaster, timeRatio } from './comparison.ts'
import { type Cell, type Entrant, hitCount, meanTime, medianTime } from './outcomes.ts'

const cell = (task: string): Cell => ({ task, workers: 8, target: 'top2%' })

/** Times by task, with a budget of 8. */
function entrant(label: string, byTask: Record<string, readonly (number | undefined)[]>): Entrant {
  return {
    label,
    hitsAt: ({ task }) => {
      const times = byTask[task]
      return times && { times, budget: 8 }
    },
  }
}

test('a target that was never reached counts as the budget in the mean, and as never in the median', () => {
  const hits = { times: [1, undefined, 3], budget: 8 }
  expect(meanTime(hits)).toBe(4)
  expect(medianTime(hits)).toBe(3)
  expect(medianTime({ times: [1, undefined, undefined], budget: 8 })).toBe(Number.POSITIVE_INFINITY)
  expect(hitCount(hits)).toBe(2)
})

const slow = entrant('slow', { a: [4, 4], b: [undefined, undefined] })
const fast = entrant('fast', { a: [2, 2], b: [2, 2] })
const other = entrant('other', { a: [1, 1] })
const cells = [cell('a'), cell('b')]

test('the ratio is the geometric mean over the cells that both were measured at', () => {
  expect(timeRatio(cells, slow, [fast])?.value).toBeCloseTo(Math.sqrt(2 * 4), 12)
  expect(timeRatio(cells, other, [fast])).toEqual({ value: 0.5, cells: 1 })
  expect(timeRatio([cell('b')], other, [fast])).toBeUndefined()
})

test('against several, the best at each cell is the rival', () => {
  expect(bestAt(cell('a'), [slow, fast, other])?.entrant).toBe(other)
  expect(bestAt(cell('b'), [slow, fast, other])?.entrant).toBe(fast)
  expect(bestAt(cell('c'), [slow, fast])).toBeUndefined()
  expect(timeRatio(cells, slow, [fast, other])?.value).toBeCloseTo(Math.sqrt(4 * 4), 12)
})

test('at each cell the best of ours meets the best baseline', () => {
  const shown = duelsOf(cells, [slow, fast], [other]).map(({ cell, ours, theirs, ratio }) => [
    cell.task,
    ours.entrant.label,
    theirs.entrant.label,
    ratio,
  ])
  expect(shown).toEqual([['a', 'fast', 'other', 2]])
  expect(duelsOf(cells, [slow, fast], [slow]).map(({ ratio }) => ratio)).toEqual([0.5, 0.25])
  const never = entrant('never', { b: [undefined, undefined] })
  expect(duelsOf(cells, [never], [slow])).toMatchObject([{ ratio: 1, verdict: 'undecided' }])
})

test('faster and slower are told apart over the seeds', () => {
  const early = { times: [1, 2, 3, 4, 5], budget: 8 }
  const late = { times: [6, 7, undefined, undefined, undefined], budget: 8 }
  expect(isFaster(early, late)).toBe('faster')
  expect(isFaster(late, early)).toBe('slower')
  expect(isFaster(early, early)).toBe('undecided')
})
