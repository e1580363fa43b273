import { rngFor } from '@sweep/search/rng'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RungReport, type Searcher, secondsTo, simulate, type Training } from './virtual-time.ts'

/** A training that reports these values, one a step. */
function training(stepSeconds: number, values: readonly number[], noise = 0): Training {
  return {
    stepSeconds,
    observe: (from, to) => values.slice(from - 1, to),
    truthAt: (step) => values[step - 1]! - noise,
  }
}

/** Starts the trials in order, all with an empty config, and stops those that `stop` says; writes down what it hears. */
function scripted(trials: number, stop: (report: RungReport) => readonly number[]) {
  const heard: string[] = []
  let started = 0
  const searcher: Searcher = {
    start(room, seconds) {
      const count = Math.min(room, trials - started)
      return Array.from({ length: count }, () => {
        started += 1
        heard.push(`${seconds}: trial ${started} starts`)
        return { trial: started, config: { trial: started } }
      })
    },
    report(report) {
      heard.push(`${report.seconds}: trial ${report.trial} is at ${report.step} with ${report.value}`)
      return stop(report)
    },
  }
  return { searcher, heard }
}

describe('a sweep worked out by hand', () => {
  const trainings = [training(1, [5, 4, 2]), training(2, [3, 9, 9]), training(1, [7, 1, 8]), training(10, [0, 0, 0])]
  const machine = { workers: 2, rungs: [1, 3], endSeconds: 20 }
  const run = async (changes: object = {}) => {
    const { searcher, heard } = scripted(4, ({ trial }) => (trial === 2 ? [2] : []))
    const simulated = await simulate(searcher, ({ trial }) => trainings[Number(trial) - 1]!, { ...machine, ...changes })
    return { ...simulated, heard }
  }

  test('trials report at rungs in the order of time, and one that is stopped makes room at once', async () => {
    const { heard, trials, steps } = await run()
    expect(heard).toEqual([
      '0: trial 1 starts',
      '0: trial 2 starts',
      '1: trial 1 is at 1 with 5',
      '2: trial 2 is at 1 with 3',
      '2: trial 3 starts',
      // Both at 3: the lower trial comes first.
      '3: trial 1 is at 3 with 2',
      '3: trial 4 starts',
      '3: trial 3 is at 1 with 7',
      '5: trial 3 is at 3 with 8',
      '13: trial 4 is at 1 with 0',
    ])
    expect([trials, steps]).toEqual([4, 1 + 1 + 2 + 1 + 2 + 1])
  })

  test('every step counts for the incumbent at the time it was done, reported or not', async () => {
    const { incumbents } = await run()
    expect(incumbents).toEqual([
      { seconds: 1, truth: 5 },
      { seconds: 2, truth: 3 },
      { seconds: 3, truth: 2 },
      { seconds: 4, truth: 1 },
      { seconds: 13, truth: 0 },
    ])
    expect(secondsTo(2, incumbents)).toBe(3)
    expect(secondsTo(1.5, incumbents)).toBe(4)
    expect(secondsTo(-1, incumbents)).toBeUndefined()
  })

  test('nothing after the end counts, what is at the end does', async () => {
    expect((await run({ endSeconds: 13 })).incumbents.at(-1)).toEqual({ seconds: 13, truth: 0 })
    expect((await run({ endSeconds: 12.9 })).incumbents.at(-1)).toEqual({ seconds: 4, truth: 1 })
  })

  test('it is over once a true value is low enough', async () => {
    const { heard, incumbents } = await run({ enough: 2 })
    expect(heard.at(-1)).toBe('2: trial 3 starts')
    expect(incumbents.at(-1)).toEqual({ seconds: 3, truth: 2 })
  })
})

test('the incumbent is the lowest value observed, shown as it is without noise', async () => {
  const { searcher } = scripted(2, () => [])
  const trainings = [training(1, [5], 2), training(1, [4], 0.5)]
  const { incumbents } = await simulate(searcher, ({ trial }) => trainings[Number(trial) - 1]!, {
    workers: 1,
    rungs: [1],
    endSeconds: 9,
  })
  expect(incumbents).toEqual([
    { seconds: 1, truth: 3 },
    { seconds: 2, truth: 3.5 },
  ])
})

test('a trial that left its worker goes on after its last rung, even when it was stopped between two', async () => {
  const starts = [[1, 2], [1]]
  const seen: string[] = []
  const searcher: Searcher = {
    start: () => (starts.shift() ?? []).map((trial) => ({ trial, config: { trial } })),
    report: ({ trial, step, seconds }) => {
      seen.push(`${seconds}: trial ${trial} at ${step}`)
      return seconds === 4 ? [1] : []
    },
  }
  const steps: [number, number][] = []
  const observed = (from: number, to: number) => {
    steps.push([from, to])
    return Array<number>(to - from + 1).fill(1)
  }
  const trainingOf = ({ trial }: { readonly trial?: unknown }): Training => ({
    stepSeconds: trial === 1 ? 1 : 4,
    observe: observed,
    truthAt: () => 1,
  })
  await simulate(searcher, trainingOf, { workers: 2, rungs: [1, 9], endSeconds: 30 })
  // Trial 1 was three steps past its first rung when it was stopped at 4, and does those again from then on.
  expect(seen).toEqual(['1: trial 1 at 1', '4: trial 2 at 1', '12: trial 1 at 9'])
  expect(steps).toEqual([
    [1, 1],
    [1, 1],
    [2, 9],
  ])
})

test('whatever is stopped and taken up again, no worker has two trials and time never goes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 5 }), async (seed, workers) => {
      const rng = rngFor(seed, 0)
      const running = new Set<number>()
      const left: number[] = []
      let trials = 0
      let last = 0
      let reports = 0
      const searcher: Searcher = {
        start(room, seconds) {
          expect(running.size + room).toBe(workers)
          expect(seconds).toBe(last)
          return Array.from({ length: rng.int(running.size === 0 ? 1 : 0, room) }, () => {
            const again = rng.float() < 0.3 ? left.shift() : undefined
            if (again === undefined) trials += 1
            const trial = again ?? trials
            running.add(trial)
            return { trial, config: {} }
          })
        },
        report({ trial, isLast, seconds }) {
          reports += 1
          expect(running.has(trial)).toBe(true)
          expect(seconds).toBeGreaterThanOrEqual(last)
          last = seconds
          if (isLast) running.delete(trial)
          const stopped = [...running].filter(() => rng.float() < 0.2)
          for (const one of stopped) running.delete(one)
          left.push(...stopped)
          return stopped
        },
      }
      const trainingOf = () => training(rng.int(1, 3), [3, 2, 1, 3, 2, 1])
      await simulate(searcher, trainingOf, { workers, rungs: [1, 2, 6], endSeconds: 60 })
      expect(reports).toBeGreaterThan(5)
    }),
    { numRuns: 100 },
  )
})
