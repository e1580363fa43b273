import { chooseSlots, gpuKey, isMig } from '@sweep/spec/placement'
import type { Gpu, Room, Shape, Slot } from '@sweep/spec/wire/agent-protocol'

export interface SlotChoice {
  /** Indices of the GPUs to use, all when undefined. */
  readonly gpus: readonly number[] | undefined
  /** How many slots in all, which then share the GPUs in turn. */
  readonly count?: number | undefined
  /** Or how many there are to each GPU. */
  readonly perGpu?: number | undefined
}

/** Which slots a host offers. One per GPU and per MIG device; where there are none, half the CPUs. */
export function makeSlots(found: readonly Gpu[], choice: SlotChoice, cpus: number): Slot[] {
  const { gpus, count, perGpu = 1 } = choice
  const used = gpus === undefined ? found : gpus.flatMap((index) => devicesOf(found, index))
  // What a MIG device is of a GPU is its share already.
  const devices = used.flatMap((gpu) => Array.from({ length: isMig(gpu) ? 1 : perGpu }, () => gpu))
  const slots = count ?? (devices.length > 0 ? devices.length : Math.max(1, Math.floor(cpus / 2)))
  const places = Array.from({ length: slots }, (_, index) => devices[index % devices.length])
  return places.map((gpu, index) => {
    if (gpu === undefined) return { index }
    const shares = places.filter((other) => other === gpu).length
    return shares === 1 ? { index, gpu } : { index, gpu, shares }
  })
}

/** A GPU named by the user counts even where nvidia-smi is not there to confirm it. */
function devicesOf(found: readonly Gpu[], index: number): readonly Gpu[] {
  const devices = found.filter((gpu) => gpu.index === index)
  return devices.length > 0 ? devices : [{ index }]
}

export interface Held {
  readonly slots: readonly Slot[]
  readonly cpus: number
  readonly memoryBytes: number
}

/** What is free on this host, and who has what. */
export class SlotTable {
  readonly #capacity: { readonly cpus: number; readonly memoryBytes: number }
  readonly slots: readonly Slot[]
  readonly #held = new Set<Held>()

  constructor(slots: readonly Slot[], capacity: { cpus: number; memoryBytes: number }) {
    this.slots = slots
    this.#capacity = capacity
  }

  get room(): Room {
    return this.roomWithout([])
  }

  /** The room there would be once these are released. */
  roomWithout(released: readonly Held[]): Room {
    const held = [...this.#held].filter((one) => !released.includes(one))
    const taken = new Set(held.flatMap((one) => one.slots.map((slot) => slot.index)))
    const free = this.slots.filter((slot) => !taken.has(slot.index))
    return {
      slots: free.length,
      gpuSlots: free.filter((slot) => slot.gpu !== undefined).length,
      cpus: Math.max(0, this.#capacity.cpus - sum(held.map((one) => one.cpus))),
      memoryBytes: Math.max(0, this.#capacity.memoryBytes - sum(held.map((one) => one.memoryBytes))),
      free: free.map((slot) => slot.index),
    }
  }

  get busy(): number {
    return sum([...this.#held].map((held) => held.slots.length))
  }

  /** Slots for a shape, or null when it does not fit now. */
  take(shape: Shape): Held | null {
    const { room } = this
    if ((shape.cpus ?? 0) > room.cpus || (shape.memoryBytes ?? 0) > room.memoryBytes) return null
    const slots = chooseSlots(this.#free(), shape)
    if (slots === null) return null
    return this.#hold({ slots, cpus: shape.cpus ?? 0, memoryBytes: shape.memoryBytes ?? 0 })
  }

  /** The slots that an attempt from before a restart has, whether or not they still exist. */
  retake(indices: readonly number[], gpus: readonly number[], shape: Shape): Held {
    const slots = indices.map((index, i) => {
      const known = this.slots.find((slot) => slot.index === index)
      const gpu = gpus[i]
      return known ?? (gpu === undefined ? { index } : { index, gpu: { index: gpu } })
    })
    return this.#hold({ slots, cpus: shape.cpus ?? 0, memoryBytes: shape.memoryBytes ?? 0 })
  }

  release(held: Held): void {
    this.#held.delete(held)
  }

  #hold(held: Held): Held {
    this.#held.add(held)
    return held
  }

  #free(): Slot[] {
    const taken = new Set([...this.#held].flatMap((held) => held.slots.map((slot) => slot.index)))
    return this.slots.filter((slot) => !taken.has(slot.index))
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** The GPUs and MIG devices of the slots of one attempt, each once. */
export function devicesHeld({ slots }: Held): Gpu[] {
  return [...new Map(slots.flatMap(({ gpu }) => (gpu === undefined ? [] : [[gpuKey(gpu), gpu] as const]))).values()]
}

/**
 * `CUDA_VISIBLE_DEVICES` for the slots of one attempt; undefined leaves it as it is, where the host has no GPUs that we
 * know of. By index, not UUID: programs read it. MIG devices have no index of their own.
 */
export function visibleDevices(held: Held, shape: Shape): string | undefined {
  if (shape.gpus === 0) return ''
  const devices = devicesHeld(held).map((gpu) => (isMig(gpu) ? gpu.uuid : gpu.index))
  return devices.length === 0 ? undefined : devices.join(',')
}
