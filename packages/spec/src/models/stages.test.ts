import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MODEL_STAGES, type ProductionStep, rollbackTarget, stageMove } from './stages.ts'

const all = () => true
const promoted = (...versions: number[]): ProductionStep[] => versions.map((version) => ({ kind: 'promoted', version }))
const back = (version: number): ProductionStep => ({ kind: 'rolled-back', version })

test('every stage can be left for every other, and only ways up are promotions', () => {
  for (const from of MODEL_STAGES) {
    for (const to of MODEL_STAGES) {
      const isUp = (to === 'staging' && from !== 'production') || to === 'production'
      expect(stageMove(from, to) === 'promote').toBe(isUp && from !== to)
      expect(stageMove(from, to) === undefined).toBe(from === to)
    }
  }
})

test('rolling back goes to the version before, and again to the one before that', () => {
  expect(rollbackTarget([], all)).toBeUndefined()
  expect(rollbackTarget(promoted(1), all)).toBeUndefined()
  expect(rollbackTarget(promoted(1, 2, 3), all)).toBe(2)
  expect(rollbackTarget([...promoted(1, 2, 3), back(2)], all)).toBe(1)
  expect(rollbackTarget([...promoted(1, 2, 3), back(2), back(1)], all)).toBeUndefined()
  // What was rolled back from is no way back for what comes after it.
  expect(rollbackTarget([...promoted(1, 2, 3), back(2), ...promoted(4)], all)).toBe(2)
})

test('a version that came twice is gone back over twice, one that was deleted is passed over', () => {
  expect(rollbackTarget(promoted(1, 2, 1), all)).toBe(2)
  expect(rollbackTarget([...promoted(1, 2, 1), back(2)], all)).toBe(1)
  expect(rollbackTarget(promoted(1, 2, 3), (version) => version !== 2)).toBe(1)
  expect(rollbackTarget(promoted(3, 3), all)).toBeUndefined()
})

test('whatever was promoted, rolling back ends', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }), (versions) => {
      const steps = promoted(...versions)
      for (let turn = 0; turn <= versions.length; turn += 1) {
        const target = rollbackTarget(steps, all)
        if (target === undefined) return true
        steps.push(back(target))
      }
      return false
    }),
  )
})
