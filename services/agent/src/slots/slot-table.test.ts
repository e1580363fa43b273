import { expect, test } from 'vitest'
import { findGpus, parseCsv } from './gpus.ts'
import { makeSlots, SlotTable, visibleDevices } from './slot-table.ts'

const TWO = [{ index: 0 }, { index: 1 }]

test('there is a slot per GPU, or else for half the CPUs, unless told otherwise', () => {
  expect(makeSlots(TWO, undefined, undefined, 8)).toHaveLength(2)
  expect(makeSlots([], undefined, undefined, 8)).toHaveLength(4)
  expect(makeSlots([], undefined, undefined, 1)).toHaveLength(1)
  expect(makeSlots(TWO, [], undefined, 8)).toEqual([0, 1, 2, 3].map((index) => ({ index })))
  expect(makeSlots(TWO, [1], undefined, 8)).toEqual([{ index: 0, gpu: { index: 1 } }])
  expect(makeSlots(TWO, undefined, 3, 8).map((slot) => slot.gpu?.index)).toEqual([0, 1, 0])
})

test('a GPU that is named counts also where nvidia-smi is missing', () => {
  expect(makeSlots([], [3], undefined, 8)).toEqual([{ index: 0, gpu: { index: 3 } }])
})

test('what nvidia-smi prints is understood, and what is not is left out', async () => {
  const text = '0, GPU-1, NVIDIA H200, 143771\n1, GPU-2, NVIDIA H200, [N/A]\nFailed to initialize NVML\n'
  expect(await findGpus(async () => parseCsv(text))).toEqual([
    { index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', memoryBytes: 143771 * 1024 * 1024 },
    { index: 1, uuid: 'GPU-2', name: 'NVIDIA H200' },
  ])
})

test('room shrinks by what is taken and grows by what is released', () => {
  const table = new SlotTable(makeSlots(TWO, undefined, undefined, 8), { cpus: 8, memoryBytes: 100 })
  const held = table.take({ gpus: 1, cpus: 6, memoryBytes: 60 })
  expect(table.room).toEqual({ slots: 1, gpuSlots: 1, cpus: 2, memoryBytes: 40 })
  expect(table.take({ cpus: 4 })).toBeNull()
  expect(table.take({ memoryBytes: 50 })).toBeNull()
  expect(table.take({ gpus: 2 })).toBeNull()
  if (held !== null) table.release(held)
  expect(table.room).toEqual({ slots: 2, gpuSlots: 2, cpus: 8, memoryBytes: 100 })
  expect(table.take({ gpus: 2 })?.slots).toHaveLength(2)
  expect(table.take({})).toBeNull()
})

test('a trial without GPU takes a slot without one while there is any, and sees none', () => {
  const table = new SlotTable([{ index: 0, gpu: { index: 0 } }, { index: 1 }], { cpus: 1, memoryBytes: 1 })
  const first = table.take({ gpus: 0 })
  const second = table.take({ gpus: 0 })
  expect([first?.slots[0]?.index, second?.slots[0]?.index]).toEqual([1, 0])
  expect(second === null ? null : visibleDevices(second, { gpus: 0 })).toBe('')
})

test('slots that share a GPU do not make two of it', () => {
  const table = new SlotTable(makeSlots([{ index: 0 }], undefined, 2, 8), { cpus: 8, memoryBytes: 1 })
  expect(table.take({ gpus: 2 })).toBeNull()
})

test('slots taken over from before a restart are taken even when they are no longer there', () => {
  const table = new SlotTable([{ index: 0 }], { cpus: 1, memoryBytes: 1 })
  expect(visibleDevices(table.retake([5], [2], {}), {})).toBe('2')
  expect(table.room.slots).toBe(1)
})
