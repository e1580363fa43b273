import type { HealthRule } from '@sweep/spec/health'
import { describe, expect, test } from 'vitest'
import { createRng } from '../rng.ts'
import { RunWatch } from './run-watch.ts'

type Values = readonly number[]

const MINUTE = 60_000
const OBJECTIVE = { name: 'val_loss', goal: 'minimize' } as const

/** Every rule that found something at any of the run's steps, looked at after each as a long run is. */
function rulesOf(metrics: Readonly<Record<string, Values>>, aims: ConstructorParameters<typeof RunWatch>[0] = {}) {
  const watch = new RunWatch({ objective: OBJECTIVE, ...aims })
  const found = new Set<HealthRule>()
  const longest = Math.max(...Object.values(metrics).map((values) => values.length))
  for (let at = 0; at < longest; at += 1) {
    for (const [name, values] of Object.entries(metrics)) {
      const value = values[at]
      if (value !== undefined) watch.take(name, at + 1, at * MINUTE, value)
    }
    if (at % 3 === 0 || at === longest - 1) for (const { rule } of watch.findings()) found.add(rule)
  }
  return [...found]
}

function findingsOf(metrics: Readonly<Record<string, Values>>, aims: ConstructorParameters<typeof RunWatch>[0] = {}) {
  const watch = new RunWatch({ objective: OBJECTIVE, ...aims })
  for (const [name, values] of Object.entries(metrics)) {
    values.forEach((value, at) => {
      watch.take(name, at + 1, at * MINUTE, value)
    })
  }
  return watch.findings()
}

function curve(count: number, at: (t: number, noise: () => number) => number, seed = 1): number[] {
  const rng = createRng(seed)
  // Sum of twelve uniform numbers: normal enough.
  const noise = () => Array.from({ length: 12 }, () => rng.float()).reduce((sum, x) => sum + x, -6)
  return Array.from({ length: count }, (_, t) => at(t, noise))
}

const falling = (count: number, noise: number, seed = 1) =>
  curve(count, (t, n) => 0.3 + 2 * Math.exp((-6 * t) / count) + noise * n(), seed)

describe('no alarm on ordinary curves', () => {
  const seeds = Array.from({ length: 25 }, (_, seed) => seed + 1)
  test.each([
    ['still', 60, 0],
    ['noisy', 60, 0.1],
    ['very noisy', 200, 0.25],
    ['short', 8, 0.1],
  ])('a loss that falls, %s', (_, count, noise) => {
    for (const seed of seeds) expect(rulesOf({ val_loss: falling(count, noise, seed) }), `seed ${seed}`).toEqual([])
  })

  test('a loss that has come to its level, long ago', () => {
    for (const seed of seeds) {
      const values = curve(600, (t, n) => 0.5 + 2 * Math.exp(-t / 5) + 0.05 * n(), seed)
      expect(rulesOf({ val_loss: values }), `seed ${seed}`).toEqual([])
    }
  })

  test('spikes that come down again, in the loss and in the norm of the gradient', () => {
    const spiky = falling(200, 0.05).map((value, t) => (t % 40 === 39 ? value * 30 : value))
    const norms = curve(200, (t, n) => (t % 40 === 39 ? 900 : 2 + Math.abs(n())))
    expect(rulesOf({ train_loss: spiky, val_loss: falling(200, 0.05), grad_norm: norms })).toEqual([])
  })

  test('a loss that is NaN once and finite again, and an infinite norm of mixed precision', () => {
    const loss = falling(50, 0.02)
    const norms = curve(50, (t) => (t % 20 === 0 ? Number.POSITIVE_INFINITY : 1))
    loss[20] = Number.NaN
    expect(findingsOf({ val_loss: loss, grad_norm: norms })).toEqual([])
  })

  test('a gap that grows while both get better', () => {
    for (const seed of seeds) {
      const train = curve(60, (t, n) => 2 * Math.exp(-t / 8) + 0.01 * n(), seed)
      const val = curve(60, (t, n) => 0.5 + 1.5 * Math.exp(-t / 10) + 0.03 * n(), seed)
      expect(rulesOf({ train_loss: train, val_loss: val }), `seed ${seed}`).toEqual([])
    }
  })

  test('training and evaluation once an epoch, with an accuracy that repeats itself', () => {
    const accuracy = falling(60, 0.01).map((loss) => Math.round(10 * (1 - loss / 4)) / 10)
    const metrics = {
      epoch: curve(60, (t) => t + 1),
      'train/loss': falling(60, 0.01),
      'val/loss': falling(60, 0.02, 2),
    }
    expect(rulesOf({ ...metrics, 'val/accuracy': accuracy })).toEqual([])
  })

  test('a GPU that waits now and then, and memory that is taken at the start', () => {
    const gpu = curve(120, (t) => (t < 4 || t % 5 === 0 ? 0 : 90))
    const memory = curve(120, (t, n) => Math.min(70, 5 * t) + 0.5 * n())
    expect(rulesOf({ 'system/gpu0_percent': gpu, 'system/memory_percent': memory })).toEqual([])
  })

  test('losses that rise in good trainings: of policies, critics and adversaries', () => {
    const rising = curve(100, (t) => 0.1 + t)
    expect(
      rulesOf({ policy_loss: rising, 'train/value_loss': rising, d_loss: rising, 'loss/generator': rising }),
    ).toEqual([])
  })

  test('a run without points, and names of any kind', () => {
    expect(findingsOf({})).toEqual([])
    expect(
      findingsOf({ '': [Number.NaN], '"; drop': [1], ['📉'.repeat(5000)]: [Number.NaN], loss: [1e308, -1e308] }),
    ).toEqual([])
  })
})

describe('what is wrong is found', () => {
  test('a loss that is NaN, with the step at which it began', () => {
    const loss = [...falling(10, 0), Number.NaN, Number.NaN]
    const [found] = findingsOf({ train_loss: loss })
    expect(found).toMatchObject({ rule: 'nan', metric: 'train_loss', severity: 'error', since: 11, step: 12 })
    expect(findingsOf({ val_loss: [Number.POSITIVE_INFINITY] })).toMatchObject([{ rule: 'nan', since: 1 }])
  })

  test('a loss that climbs above where it began and stays there', () => {
    const loss = curve(60, (t, n) => (t < 30 ? 2 - t / 30 : Math.exp((t - 30) / 4)) + 0.02 * n())
    const [found] = findingsOf({ loss })
    expect(found).toMatchObject({ rule: 'divergence', metric: 'loss', severity: 'error' })
    expect(found?.since).toBeGreaterThan(30)
    expect(found?.since).toBeLessThan(45)
  })

  test('a loss that climbs from the first step on', () => {
    expect(rulesOf({ loss: curve(12, (t) => 2.3 * 1.5 ** t) })).toContain('divergence')
  })

  test('gradients that are too large again and again', () => {
    const norms = curve(30, (t) => (t > 20 && t % 2 === 0 ? 140 : 3))
    const [found] = findingsOf({ 'train/grad_norm': norms })
    expect(found).toMatchObject({ rule: 'gradient_norm', since: 23, evidence: { highest: 140, above: 4, of: 10 } })
  })

  test('a loss that has not moved, still or noisy, but not before 20 values', () => {
    expect(rulesOf({ val_loss: curve(19, () => 2.3) })).toEqual([])
    expect(rulesOf({ val_loss: curve(20, () => 2.3) })).toEqual(['no_progress'])
    const found = Array.from({ length: 40 }, (_, seed) =>
      findingsOf({ val_loss: curve(100, (_t, n) => 2.3 + 0.05 * n(), seed + 1) }),
    )
    // Chance makes some flat curves look as if they fell; most are told apart.
    expect(found.filter((findings) => findings.some(({ rule }) => rule === 'no_progress')).length).toBeGreaterThan(20)
  })

  test('an accuracy that stays at chance', () => {
    const aims = { objective: { name: 'val_accuracy', goal: 'maximize' } } as const
    expect(rulesOf({ val_accuracy: curve(40, (t) => 0.1 + 0.001 * (t % 2)) }, aims)).toEqual(['no_progress'])
    expect(rulesOf({ val_accuracy: curve(40, (t) => 0.97 + 0.001 * (t % 2)) }, aims)).toEqual([])
  })

  test('an evaluation that gets worse while the training gets better', () => {
    const train = curve(40, (t, n) => 2 * Math.exp(-t / 8) + 0.005 * n())
    const val = curve(40, (t, n) => 0.5 + 1.5 * Math.exp(-t / 5) + 0.03 * Math.max(0, t - 12) + 0.02 * n())
    const [found] = findingsOf({ 'train/loss': train, 'val/loss': val })
    expect(found).toMatchObject({ rule: 'overfitting', metric: 'val/loss' })
    expect(found?.since).toBeGreaterThan(8)
    expect(found?.since).toBeLessThan(20)
    const accuracies = { train_acc: train.map((loss) => 1 - loss / 3), val_acc: val.map((loss) => 1 - loss / 3) }
    expect(findingsOf(accuracies)).toMatchObject([{ rule: 'overfitting', metric: 'val_acc' }])
  })

  test('a GPU that has nothing to do, and which', () => {
    const busy = curve(20, () => 95)
    const idle = curve(20, () => 0)
    const found = findingsOf({ 'system/gpu0_percent': busy, 'system/gpu1_percent': idle })
    expect(found).toMatchObject([{ rule: 'gpu_idle', metric: 'system/gpu1_percent', step: null }])
    expect(findingsOf({ 'system/gpu1_percent': idle.slice(0, 5) })).toEqual([])
  })

  test('an evaluation that is repeated with every step, or made in every step', () => {
    const train = falling(200, 0.05)
    const stale = curve(200, (t) => 2 - Math.floor(t / 20) / 10)
    expect(findingsOf({ 'train/loss': train, 'eval/loss': stale })).toMatchObject([{ rule: 'eval_every_step' }])
    const epoch = curve(200, (t) => Math.floor(t / 50))
    expect(findingsOf({ epoch, 'train/loss': train, 'eval/loss': falling(200, 0.02, 3) })).toMatchObject([
      { rule: 'eval_every_step', metric: 'eval/loss' },
    ])
  })

  test('memory that creeps towards the limit, of the run or of the host', () => {
    const bytes = curve(100, (t, n) => 8e9 + 7e7 * t + 1e7 * n())
    const limits = { memoryLimitBytes: 16e9 }
    expect(findingsOf({ 'system/memory_bytes': bytes }, limits)).toMatchObject([
      { rule: 'memory', evidence: { minutesLeft: expect.any(Number) } },
    ])
    expect(findingsOf({ 'system/memory_bytes': bytes }, { memoryLimitBytes: 64e9 })).toEqual([])
    const percent = bytes.map((value) => (100 * value) / 16e9)
    expect(findingsOf({ 'system/memory_percent': percent })).toMatchObject([{ rule: 'memory' }])
  })

  test('a rule that is off finds nothing', () => {
    expect(findingsOf({ val_loss: [Number.NaN] }, { policy: { nan: 'off' } })).toEqual([])
  })
})

describe('a run that is watched for long', () => {
  test('is judged by its beginning too, however many points there were since', () => {
    const watch = new RunWatch({})
    for (let step = 0; step < 100_000; step += 1) watch.take('loss', step, step, step < 50_000 ? 2 - step / 1e5 : 50)
    expect(watch.findings()).toMatchObject([{ rule: 'divergence', evidence: { began: expect.closeTo(2, 1), now: 50 } }])
  })

  test('begins anew with an attempt that begins anew, and goes on with one that goes on', () => {
    const watch = new RunWatch({})
    const bad = curve(20, (t) => 2.3 * 1.5 ** t)
    bad.forEach((value, at) => {
      watch.take('loss', at + 1, at, value)
    })
    expect(watch.findings()).not.toEqual([])
    watch.nextAttempt()
    falling(30, 0).forEach((value, at) => {
      watch.take('loss', at + 1, at, value)
    })
    expect(watch.findings()).toEqual([])
    watch.nextAttempt()
    watch.take('loss', 10, 0, Number.NaN)
    expect(watch.findings()).toMatchObject([{ rule: 'nan', since: 10 }])
  })
})
