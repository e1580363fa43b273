import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { keptRuns } from './kept-runs.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-runs-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const name = { kind: 'budget', combination: 'random+asha', task: 'lc_lm', workers: 8, seed: 3 }
const Times = z.object({ easy: z.number().optional(), hard: z.number().optional() })

/** Measures anew each time, and so tells how often it was asked. */
function counting() {
  let times = 0
  return async () => {
    times += 1
    return { easy: times }
  }
}

test('a run is measured once, also by a later process', async () => {
  const path = join(folder, 'once.jsonl')
  const measure = counting()
  const kept = keptRuns(path)
  expect(await kept.resultOf(name, Times, measure)).toEqual({ easy: 1 })
  const later = keptRuns(path)
  expect(await later.resultOf(name, Times, measure)).toEqual({ easy: 1 })
  expect(await later.resultOf({ ...name, seed: 4 }, Times, measure)).toEqual({ easy: 2 })
  expect(await later.resultOf({ ...name, kind: 'hardest' }, z.number(), async () => 7)).toBe(7)
})

test('a line that a killed process left half written is measured anew', async () => {
  const path = join(folder, 'half.jsonl')
  await keptRuns(path).resultOf(name, Times, counting())
  appendFileSync(path, '{"kind":"budget","comb')
  expect(await keptRuns(path).resultOf(name, Times, async () => ({ easy: 9 }))).toEqual({ easy: 1 })
  expect(await keptRuns(path).resultOf({ ...name, seed: 4 }, Times, async () => ({ easy: 9 }))).toEqual({ easy: 9 })
  expect(await keptRuns(path).resultOf({ ...name, seed: 4 }, Times, async () => ({ easy: 0 }))).toEqual({ easy: 9 })
})

test('without a file every run is measured', async () => {
  const measure = counting()
  const kept = keptRuns(undefined)
  await kept.resultOf(name, Times, measure)
  expect(await kept.resultOf(name, Times, measure)).toEqual({ easy: 2 })
})
