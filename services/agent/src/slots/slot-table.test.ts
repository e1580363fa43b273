import { expect, test } from 'vitest'
import { findGpus, parseCsv } from './gpus.ts'
import { mpsVariables } from './mps.ts'
import { makeSlots, SlotTable, visibleDevices } from './slot-table.ts'

const TWO = [{ index: 0 }, { index: 1 }]
const ALL = { gpus: undefined }

test('there is a slot per GPU, or else for half the CPUs, unless told otherwise', () => {
  expect(makeSlots(TWO, ALL, 8)).toHaveLength(2)
  expect(makeSlots([], ALL, 8)).toHaveLength(4)
  expect(makeSlots([], ALL, 1)).toHaveLength(1)
  expect(makeSlots(TWO, { gpus: [] }, 8)).toEqual([0, 1, 2, 3].map((index) => ({ index })))
  expect(makeSlots(TWO, { gpus: [1] }, 8)).toEqual([{ index: 0, gpu: { index: 1 } }])
  expect(makeSlots(TWO, { ...ALL, count: 3 }, 8).map((slot) => slot.gpu?.index)).toEqual([0, 1, 0])
})

test('a GPU that is named counts also where nvidia-smi is missing', () => {
  expect(makeSlots([], { gpus: [3] }, 8)).toEqual([{ index: 0, gpu: { index: 3 } }])
})

test('what nvidia-smi prints is understood, and what is not is left out', async () => {
  const text = '0, GPU-1, NVIDIA H200, 143771\n1, GPU-2, NVIDIA H200, [N/A]\nFailed to initialize NVML\n'
  expect(
    await findGpus(
      async () => parseCsv(text),
      async () => '',
    ),
  ).toEqual([
    { index: 0, uuid: 'GPU-1', name: 'NVIDIA H200', memoryBytes: 143771 * 1024 * 1024 },
    { index: 1, uuid: 'GPU-2', name: 'NVIDIA H200' },
  ])
})

test('room shrinks by what is taken and grows by what is released', () => {
  const table = new SlotTable(makeSlots(TWO, ALL, 8), { cpus: 8, memoryBytes: 100 })
  const held = table.take({ gpus: 1, cpus: 6, memoryBytes: 60 })
  expect(table.room).toEqual({ slots: 1, gpuSlots: 1, cpus: 2, memoryBytes: 40, free: [1] })
  expect(table.take({ cpus: 4 })).toBeNull()
  expect(table.take({ memoryBytes: 50 })).toBeNull()
  expect(table.take({ gpus: 2 })).toBeNull()
  if (held !== null) table.release(held)
  expect(table.room).toEqual({ slots: 2, gpuSlots: 2, cpus: 8, memoryBytes: 100, free: [0, 1] })
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
  const table = new SlotTable(makeSlots([{ index: 0 }], { ...ALL, count: 2 }, 8), { cpus: 8, memoryBytes: 1 })
  expect(table.take({ gpus: 2 })).toBeNull()
})

test('slots taken over from before a restart are taken even when they are no longer there', () => {
  const table = new SlotTable([{ index: 0 }], { cpus: 1, memoryBytes: 1 })
  expect(visibleDevices(table.retake([5], [2], {}), {})).toBe('2')
  expect(table.room.slots).toBe(1)
})

test('slots share a GPU by as many as were asked for, and say so', () => {
  const shared = makeSlots(TWO, { ...ALL, perGpu: 3 }, 8)
  expect(shared.map((slot) => [slot.gpu?.index, slot.shares])).toEqual([0, 0, 0, 1, 1, 1].map((gpu) => [gpu, 3]))
  // With a number of slots in all, each GPU has its own number of shares.
  expect(makeSlots(TWO, { ...ALL, count: 3 }, 8).map((slot) => slot.shares)).toEqual([2, undefined, 2])
  expect(makeSlots([], { ...ALL, perGpu: 3 }, 8)).toEqual([0, 1, 2, 3].map((index) => ({ index })))
})

test('trials that share a GPU all see it, and one that takes all of it sees it once', () => {
  const table = new SlotTable(makeSlots(TWO, { ...ALL, perGpu: 3 }, 8), { cpus: 8, memoryBytes: 1 })
  const seen = [{ gpus: 0.33 }, { gpus: 0.33 }, { gpus: 1 }, { gpus: 1 }, { gpus: 0.33 }, { gpus: 0.33 }].map(
    (shape) => {
      const held = table.take(shape)
      return held === null ? null : visibleDevices(held, shape)
    },
  )
  expect(seen).toEqual(['0', '0', '1', null, '0', null])
})

const MIG_LIST = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-b3ef1d9b-6d21-4e2f-8f0e-0e7a3a6e7c11)
`

test('a GPU divided by MIG is as many slots as it has devices, each bound by its UUID', async () => {
  const rows = parseCsv('0, GPU-5d5b, NVIDIA A100-SXM4-40GB, 40960\n1, GPU-b3ef, NVIDIA A100-SXM4-40GB, 40960\n')
  const gpus = await findGpus(
    async () => rows,
    async () => MIG_LIST,
  )
  expect(gpus.map(({ index, name, memoryBytes }) => [index, name, memoryBytes])).toEqual([
    [0, 'NVIDIA A100-SXM4-40GB MIG 3g.20gb', 20e9],
    [0, 'NVIDIA A100-SXM4-40GB MIG 1g.5gb', 5e9],
    [1, 'NVIDIA A100-SXM4-40GB', 40960 * 1024 ** 2],
  ])
  const slots = makeSlots(gpus, { ...ALL, perGpu: 2 }, 8)
  expect(slots.map((slot) => slot.shares)).toEqual([undefined, undefined, 2, 2])
  expect(makeSlots(gpus, { gpus: [0] }, 8)).toHaveLength(2)
  const table = new SlotTable(slots, { cpus: 8, memoryBytes: 1 })
  // No program can have two MIG devices.
  expect(table.take({ gpus: 2 })).toBeNull()
  const held = [0, 1, 2].map(() => table.take({ gpus: 1 }))
  expect(held.map((one) => one && visibleDevices(one, { gpus: 1 }))).toEqual([
    'MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f',
    'MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb',
    '1',
  ])
})

test('the older names of MIG devices are understood, and a list without any is none', async () => {
  const rows = parseCsv('0, GPU-1, A100, 40960\n')
  const uuid = 'MIG-GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77/7/0'
  const list = `GPU 0: A100 (UUID: GPU-1)\n  MIG 1g.5gb Device 0: (UUID: ${uuid})\n`
  const found = (text: string) =>
    findGpus(
      async () => rows,
      async () => text,
    )
  expect((await found(list)).map((gpu) => gpu.uuid)).toEqual([uuid])
  expect((await found('GPU 0: A100 (UUID: GPU-1)\n')).map((gpu) => gpu.uuid)).toEqual(['GPU-1'])
  expect((await found('Failed to initialize NVML\n')).map((gpu) => gpu.uuid)).toEqual(['GPU-1'])
})

test('with MPS a trial that shares a GPU may use its share of the threads', () => {
  const table = new SlotTable(makeSlots(TWO, { ...ALL, perGpu: 3 }, 8), { cpus: 8, memoryBytes: 1 })
  const env = { CUDA_MPS_PIPE_DIRECTORY: '/run/mps', CUDA_MPS_LOG_DIRECTORY: '/var/log/mps' }
  const variables = (gpus: number, paths: readonly string[], from: Record<string, string> = env) => {
    const held = table.take({ gpus })
    if (held === null) throw new Error('no room')
    table.release(held)
    return mpsVariables(from, held, { gpus }, (path) => paths.includes(path))
  }
  expect(variables(0.33, ['/run/mps'])).toEqual({ ...env, CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: '33' })
  expect(variables(0.5, ['/tmp/nvidia-mps'], {})).toEqual({
    CUDA_MPS_PIPE_DIRECTORY: '/tmp/nvidia-mps',
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: '66',
  })
  expect(variables(1, ['/run/mps'])).toEqual({})
  expect(variables(2, ['/run/mps'])).toEqual({})
  expect(variables(0, ['/run/mps'])).toEqual({})
  expect(variables(0.33, [])).toEqual({})
})
