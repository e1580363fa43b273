import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseSlots, countSlotsFor, gpusOf, hasLabels, suitsGpu } from './placement.ts'
import type { Shape, Slot } from './wire/agent-protocol.ts'

const A100 = { index: 0, name: 'NVIDIA A100-SXM4-40GB', memoryBytes: 42_298_834_944 }
const T4 = { index: 1, name: 'Tesla T4', memoryBytes: 16_106_127_360 }

test.each([
  ['A100', true],
  ['a100-sxm4', true],
  ['NVIDIA A100', true],
  ['A10', false],
  ['100', false],
  ['H100', false],
])('an A100 is asked for as %s: %s', (gpuModel, suits) => {
  expect(suitsGpu(A100, { gpuModel })).toBe(suits)
})

test('memory is compared in bytes, and what is not known never suits', () => {
  expect(suitsGpu(A100, { gpuMemoryBytes: 40e9 })).toBe(true)
  expect(suitsGpu(A100, { gpuMemoryBytes: 80e9 })).toBe(false)
  expect(suitsGpu({ index: 0 }, { gpuMemoryBytes: 1 })).toBe(false)
  expect(suitsGpu({ index: 0 }, { gpuModel: 'A100' })).toBe(false)
  expect(suitsGpu({ index: 0 }, {})).toBe(true)
})

test('every label must be there with its value', () => {
  const labels = { zone: 'b', disk: 'ssd' }
  expect(hasLabels(labels, { labels: { zone: 'b' } })).toBe(true)
  expect(hasLabels(labels, { labels: { zone: 'b', disk: 'hdd' } })).toBe(false)
  expect(hasLabels(labels, { labels: { rack: '' } })).toBe(false)
  expect(hasLabels(labels, undefined)).toBe(true)
})

test('of the GPUs of a host only those that suit are given, also to a trial that names no number', () => {
  const slots = [{ index: 0, gpu: T4 }, { index: 1, gpu: A100 }, { index: 2 }]
  const requires = { gpuModel: 'A100' }
  expect(chooseSlots(slots, { requires })).toEqual([slots[1]])
  expect(chooseSlots(slots, { gpus: 2, requires })).toBeNull()
  expect(countSlotsFor(slots, { requires })).toBe(1)
  expect(chooseSlots([{ index: 2 }], { requires })).toBeNull()
})

/** Three shares of GPU 0, three of GPU 1. */
const SHARED: Slot[] = [0, 0, 0, 1, 1, 1].map((gpu, index) => ({ index, gpu: { index: gpu }, shares: 3 }))

test('a fraction takes shares of one GPU, a whole number all shares of so many', () => {
  expect(chooseSlots(SHARED, { gpus: 0.33 })?.map((slot) => slot.index)).toEqual([0])
  expect(chooseSlots(SHARED, { gpus: 0.5 })?.map((slot) => slot.index)).toEqual([0, 1])
  expect(chooseSlots(SHARED, { gpus: 1 })?.map((slot) => slot.index)).toEqual([0, 1, 2])
  expect(chooseSlots(SHARED, { gpus: 2 })).toHaveLength(6)
  expect(chooseSlots(SHARED, { gpus: 3 })).toBeNull()
  expect([0.33, 0.5, 0.9, 1, 2].map((gpus) => countSlotsFor(SHARED, { gpus }))).toEqual([6, 2, 2, 2, 1])
})

test('a share comes from the GPU with the fewest left, so that whole ones stay whole', () => {
  const free = SHARED.slice(1)
  expect(chooseSlots(free, { gpus: 0.33 })?.[0]?.gpu?.index).toBe(0)
  expect(chooseSlots(free, {})?.[0]?.gpu?.index).toBe(0)
  expect(chooseSlots(free, { gpus: 1 })?.map((slot) => slot.gpu?.index)).toEqual([1, 1, 1])
  expect(
    chooseSlots(
      free.filter((slot) => slot.index !== 5),
      { gpus: 1 },
    ),
  ).toBeNull()
})

test('without shared GPUs a fraction takes the whole of one', () => {
  const slots = [{ index: 0, gpu: { index: 0 } }]
  expect(chooseSlots(slots, { gpus: 0.33 })).toEqual(slots)
  expect(gpusOf(slots, { gpus: 0.33 })).toBe(1)
})

test('GPU time counts the shares taken, none for a trial that sees no GPU', () => {
  expect(gpusOf(SHARED.slice(0, 2), { gpus: 0.5 })).toBeCloseTo(2 / 3)
  expect(gpusOf(SHARED.slice(0, 3), { gpus: 1 })).toBeCloseTo(1)
  expect(gpusOf(SHARED.slice(0, 1), { gpus: 0 })).toBe(0)
})

const slotLists: fc.Arbitrary<Slot[]> = fc
  .array(fc.record({ shares: fc.constantFrom(1, 2, 3, 7), isMig: fc.boolean() }), { minLength: 1, maxLength: 4 })
  .map((gpus) =>
    gpus
      .flatMap(({ shares, isMig }, gpu): Omit<Slot, 'index'>[] =>
        Array.from({ length: shares }, () => ({
          gpu: isMig ? { index: 0, uuid: `MIG-${gpu}` } : { index: gpu },
          ...(shares > 1 ? { shares } : {}),
        })),
      )
      .map((slot, index) => ({ ...slot, index })),
  )
const shapes: fc.Arbitrary<Shape> = fc.constantFrom({}, ...[0, 0.1, 0.33, 0.5, 0.9, 1, 2].map((gpus) => ({ gpus })))

test('never more than a whole GPU is handed out, no slot twice, and as many trials fit as were counted', () => {
  fc.assert(
    fc.property(slotLists, fc.array(shapes, { maxLength: 20 }), (slots, wanted) => {
      let free = slots
      const given = new Map<string, number>()
      for (const shape of wanted) {
        const count = countSlotsFor(free, shape)
        const chosen = chooseSlots(free, shape)
        expect(chosen !== null).toBe(count > 0)
        if (chosen === null) continue
        expect(chosen.every((slot) => free.includes(slot))).toBe(true)
        free = free.filter((slot) => !chosen.includes(slot))
        expect(countSlotsFor(free, shape)).toBeLessThan(count)
        for (const { gpu, shares = 1 } of chosen) {
          const key = gpu?.uuid ?? String(gpu?.index)
          given.set(key, (given.get(key) ?? 0) + 1 / shares)
        }
        // A whole GPU is shared with nobody.
        if ((shape.gpus ?? 0) >= 1) {
          for (const { gpu } of chosen) expect(free.some((slot) => slot.gpu === gpu)).toBe(false)
          expect(gpusOf(chosen, shape)).toBeCloseTo(shape.gpus ?? 0)
        }
      }
      for (const share of given.values()) expect(share).toBeLessThanOrEqual(1 + 1e-9)
    }),
  )
})

test('what is counted is what fits one after the other', () => {
  fc.assert(
    fc.property(slotLists, shapes, (slots, shape) => {
      let free = slots
      let fitted = 0
      for (;;) {
        const chosen = chooseSlots(free, shape)
        if (chosen === null) break
        fitted += 1
        free = free.filter((slot) => !chosen.includes(slot))
      }
      expect(fitted).toBe(countSlotsFor(slots, shape))
    }),
  )
})
