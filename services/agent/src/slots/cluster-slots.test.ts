import { SweepError } from '@sweep/spec/errors'
import { expect, test } from 'vitest'
import { CLUSTER_CAPACITY, clusterSlots } from './cluster-slots.ts'
import { SlotTable } from './slot-table.ts'

test('the number given counts before that of the GPUs of the cluster', () => {
  expect(clusterSlots(2, 8)).toHaveLength(2)
  expect(clusterSlots(undefined, 8)).toHaveLength(8)
})

test('an agent that knows neither says what to do', () => {
  for (const gpus of [undefined, 0]) {
    expect(() => clusterSlots(undefined, gpus)).toThrow(SweepError)
  }
})

test('a slot stands for one GPU or a trial without, and the sizes of nodes are not ours to count', () => {
  const table = new SlotTable(clusterSlots(4, undefined), CLUSTER_CAPACITY)
  expect(table.take({ gpus: 2, cpus: 256, memoryBytes: 2 ** 41 })?.slots).toHaveLength(2)
  expect(table.take({ gpus: 3 })).toBeNull()
  expect(table.take({ gpus: 0 })?.slots).toHaveLength(1)
  expect(table.take({})?.slots).toHaveLength(1)
  expect(table.take({})).toBeNull()
})
