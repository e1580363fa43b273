import { type GateFacts, ModelGate } from '@sweep/spec/models/gates'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gateText } from './gate-text.ts'
import { judgeGates } from './judge-gates.ts'

const summed = (value: number) => ({ last: value, min: value, max: value })
const FACTS: GateFacts = {
  ...{
    stage: 'dev',
    tags: {},
    metrics: {},
    runStatus: 'completed',
    findings: [],
    hasSignature: false,
    framework: null,
  },
  ...{ commit: null, dirty: null, dataVersion: null, production: null },
}

function judge(gate: object, facts: Partial<GateFacts> = {}) {
  const [result] = judgeGates([ModelGate.parse(gate)], { ...FACTS, ...facts })
  if (result === undefined) throw new Error('no result')
  return result
}
const passes = (gate: object, facts: Partial<GateFacts> = {}) => judge(gate, facts).passed

describe('metric', () => {
  const gate = { kind: 'metric', metric: 'acc', min: 0.9 }

  test('bounds are included, and what is missing or NaN is within none', () => {
    expect(passes(gate, { metrics: { acc: summed(0.9) } })).toBe(true)
    expect(passes(gate, { metrics: { acc: summed(0.8999) } })).toBe(false)
    expect(passes({ ...gate, min: undefined, max: 0.9 }, { metrics: { acc: summed(0.9) } })).toBe(true)
    expect(passes({ ...gate, max: 0.95 }, { metrics: { acc: summed(0.96) } })).toBe(false)
    expect(passes(gate)).toBe(false)
    expect(passes(gate, { metrics: { acc: { last: Number.NaN, min: null, max: null } } })).toBe(false)
    expect(passes({ ...gate, summary: 'max' }, { metrics: { acc: { last: 1, min: null, max: null } } })).toBe(false)
    expect(passes({ ...gate, metric: 'toString' })).toBe(false)
  })

  test('the value that is asked for counts, and both it and the bounds are told', () => {
    const metrics = { acc: { last: 0.5, min: 0.1, max: 0.95 } }
    expect(judge({ ...gate, summary: 'max' }, { metrics })).toMatchObject({ passed: true, value: 0.95 })
    expect(judge(gate, { metrics })).toMatchObject({
      ...{ passed: false, value: 0.5, threshold: '>= 0.9' },
      message: 'acc is 0.5, and must be >= 0.9',
    })
    expect(judge(gate, { metrics: { acc: summed(Number.NaN) } }).value).toBe('NaN')
  })

  test('without bounds, or with bounds that nothing is within, it is no gate', () => {
    expect(ModelGate.safeParse({ kind: 'metric', metric: 'acc' }).success).toBe(false)
    expect(ModelGate.safeParse({ ...gate, max: 0.1 }).success).toBe(false)
    expect(ModelGate.safeParse({ ...gate, minimum: 1 }).success).toBe(false)
  })
})

describe('improvement', () => {
  const gate = { kind: 'improvement', metric: 'loss', goal: 'minimize', by: 0.1 }
  const against = (value: number, than: number) => ({
    metrics: { loss: summed(value) },
    production: { version: 3, metrics: { loss: summed(than) } },
  })

  test('is a difference or a share, in the direction of the goal', () => {
    expect(passes(gate, against(0.4, 0.5))).toBe(true)
    expect(passes(gate, against(0.41, 0.5))).toBe(false)
    expect(passes({ ...gate, relative: true }, against(0.45, 0.5))).toBe(true)
    expect(passes({ ...gate, relative: true }, against(0.46, 0.5))).toBe(false)
    expect(passes({ ...gate, goal: 'maximize' }, against(0.61, 0.5))).toBe(true)
    expect(passes({ ...gate, goal: 'maximize' }, against(0.5, 0.5))).toBe(false)
    // Of a value below zero a share goes down too.
    expect(passes({ ...gate, relative: true }, against(-1.05, -1))).toBe(false)
    expect(passes({ ...gate, relative: true }, against(-1.1, -1))).toBe(true)
    expect(passes({ ...gate, by: 0 }, against(0.5, 0.5))).toBe(true)
  })

  test('without a version in production there is none to be better than', () => {
    expect(passes(gate, { metrics: { loss: summed(9) } })).toBe(true)
    expect(passes(gate)).toBe(false)
    expect(passes(gate, { metrics: { loss: summed(Number.NaN) } })).toBe(false)
  })

  test('what can not be compared is no improvement', () => {
    const production = { version: 3, metrics: {} }
    expect(judge(gate, { metrics: { loss: summed(0.1) }, production })).toMatchObject({
      ...{ passed: false, value: 0.1 },
      message: 'version 3 in production has no loss to compare with',
    })
    expect(passes(gate, against(0.1, Number.NaN))).toBe(false)
    expect(passes(gate, against(Number.NaN, 0.5))).toBe(false)
    expect(judge(gate, against(0.45, 0.5)).message).toBe(
      'loss is 0.45, and must be at most 0.4, where version 3 in production has 0.5',
    )
  })

  test('whoever improves by more passes what less passes', () => {
    const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(finite, finite, fc.double({ min: 0, max: 1e3, noNaN: true }), (value, than, by) => {
        const asked = { ...gate, by }
        return !passes(asked, against(value, than)) || passes(asked, against(value - 1, than))
      }),
    )
  })
})

test('completed, staged, tags and what is known', () => {
  expect(passes({ kind: 'completed' })).toBe(true)
  for (const runStatus of ['pending', 'running', 'failed', 'killed', null] as const) {
    expect(passes({ kind: 'completed' }, { runStatus })).toBe(false)
  }
  expect(passes({ kind: 'staged' })).toBe(false)
  expect(passes({ kind: 'staged' }, { stage: 'staging' })).toBe(true)
  const tags = { reviewed: 'ada' }
  expect(passes({ kind: 'tag', key: 'reviewed' }, { tags })).toBe(true)
  expect(passes({ kind: 'tag', key: 'reviewed', value: 'bob' }, { tags })).toBe(false)
  expect(passes({ kind: 'tag', key: 'reviewed', value: 'ada' }, { tags })).toBe(true)
  expect(passes({ kind: 'tag', key: 'constructor' }, { tags })).toBe(false)
  expect(passes({ kind: 'recorded', what: 'signature' })).toBe(false)
  expect(passes({ kind: 'recorded', what: 'signature' }, { hasSignature: true })).toBe(true)
  expect(passes({ kind: 'recorded', what: 'clean-commit' }, { commit: 'abc', dirty: true })).toBe(false)
  expect(passes({ kind: 'recorded', what: 'clean-commit' }, { commit: 'abc', dirty: null })).toBe(false)
  expect(passes({ kind: 'recorded', what: 'clean-commit' }, { commit: 'abc', dirty: false })).toBe(true)
  expect(passes({ kind: 'recorded', what: 'data-version' }, { dataVersion: 'v2' })).toBe(true)
})

test('findings count from the severity that is named', () => {
  const finding = { rule: 'overfitting', metric: 'val_loss', message: 'the gap grows', severity: 'warning' } as const
  expect(passes({ kind: 'health' }, { findings: [finding] })).toBe(true)
  expect(judge({ kind: 'health', severity: 'warning' }, { findings: [finding, finding] })).toMatchObject({
    ...{ passed: false, value: 2, threshold: 0 },
    message: 'overfitting: the gap grows (and 1 more)',
  })
  expect(passes({ kind: 'health' }, { findings: [{ ...finding, severity: 'error' }] })).toBe(false)
})

test('every gate says in words what it asks', () => {
  const text = (gate: object) => gateText(ModelGate.parse(gate))
  expect(text({ kind: 'metric', metric: 'acc', min: 0.9 })).toBe('acc >= 0.9')
  expect(text({ kind: 'metric', metric: 'acc', summary: 'max', min: 0.5, max: 1 })).toBe('max(acc) >= 0.5 and <= 1')
  expect(text({ kind: 'improvement', metric: 'loss', goal: 'minimize', by: 0.07, relative: true })).toBe(
    'loss is at least 7 % below that in production',
  )
  expect(text({ kind: 'improvement', metric: 'acc', goal: 'maximize' })).toBe('acc is not below that in production')
})
