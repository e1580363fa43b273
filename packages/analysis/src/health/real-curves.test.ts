import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { MetricValue } from '@sweep/spec/number'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { RunWatch } from './run-watch.ts'

/** Curves of trainings that nobody made for these tests: how often a rule is wrong about them. */
const Digits = z.array(z.looseObject({ val_loss: z.array(MetricValue), val_accuracy: z.array(MetricValue) }))
const TABLES = resolve('../shared/bench/tables')
const Table = z.looseObject({ curves: z.array(z.array(z.number())) })

test('the digits sweep: no good trial has a finding at any epoch, and every trial that learned nothing has one', () => {
  const file = new URL('testdata/digits-curves.json', import.meta.url)
  const trials = Digits.parse(JSON.parse(readFileSync(file, 'utf8')))
  const found = trials.map((trial) => {
    const watch = new RunWatch({ objective: { name: 'val_accuracy', goal: 'maximize' } })
    let rules: string[] = []
    trial.val_accuracy.forEach((accuracy, epoch) => {
      watch.take('val_accuracy', epoch + 1, epoch * 1000, accuracy)
      watch.take('val_loss', epoch + 1, epoch * 1000, trial.val_loss[epoch] ?? Number.NaN)
      rules = [...rules, ...watch.findings().map(({ rule }) => rule)]
    })
    return { accuracy: trial.val_accuracy.at(-1) ?? 0, rules: [...new Set(rules)] }
  })
  expect(found.filter(({ accuracy, rules }) => accuracy > 0.5 && rules.length > 0)).toEqual([])
  expect(found.filter(({ accuracy }) => accuracy < 0.12).map(({ rules }) => rules)).toEqual([
    ['no_progress'],
    ['no_progress'],
    ['no_progress'],
    ['no_progress'],
  ])
})

test.skipIf(!existsSync(TABLES)).each([
  ['gb_cancer', 700],
  ['mlp_digits', 691],
])('%s: at most 1 in 200 of the better half has a finding (needs ../shared/bench/tables)', (name, count) => {
  const { curves } = Table.parse(JSON.parse(readFileSync(`${TABLES}/${name}.json`, 'utf8')))
  expect(curves).toHaveLength(count)
  const ends = curves.map((curve) => curve.at(-1) ?? 0).sort((a, b) => a - b)
  const middle = ends[Math.floor(ends.length / 2)] ?? 0
  const alarmed = curves.filter((curve) => {
    const watch = new RunWatch({ objective: { name: 'val_loss', goal: 'minimize' } })
    return curve.some((value, epoch) => {
      watch.take('val_loss', epoch + 1, epoch * 1000, value)
      return watch.findings().length > 0
    })
  })
  const wrong = alarmed.filter((curve) => (curve.at(-1) ?? 0) < middle).length
  expect(wrong / (curves.length / 2)).toBeLessThanOrEqual(0.005)
  expect(alarmed.length).toBeGreaterThan(20)
})
