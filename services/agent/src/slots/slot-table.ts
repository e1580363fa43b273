import type { Gpu, Room, Shape, Slot } from '@sweep/spec/wire/agent-protocol'

/**
 * Which slots a host offers. One per GPU; where there are none, half the CPUs. With both numbers given, slots share the
 * GPUs in turn.
 * @param gpus indices to use, all when undefined
 */
export function makeSlots(
  found: readonly Gpu[],
  gpus: readonly number[] | undefined,
  count: number | undefined,
  cpus: number,
): Slot[] {
  // A GPU named by the user counts even where nvidia-smi is not there to confirm it.
  const used = gpus === undefined ? found : gpus.map((index) => found.find((gpu) => gpu.index === index) ?? { index })
  const slots = count ?? (used.length > 0 ? used.length : Math.max(1, Math.floor(cpus / 2)))
  return Array.from({ length: slots }, (_, index) => {
    const gpu = used.length === 0 ? undefined : used[index % used.length]
    return gpu === undefined ? { index } : { index, gpu }
  })
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
    }
  }

  get busy(): number {
    return sum([...this.#held].map((held) => held.slots.length))
  }

  /** Slots for a shape, or null when it does not fit now. */
  take(shape: Shape): Held | null {
    const { room } = this
    if ((shape.cpus ?? 0) > room.cpus || (shape.memoryBytes ?? 0) > room.memoryBytes) return null
    const slots = this.#choose(shape)
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

  #choose(shape: Shape): Slot[] | null {
    const free = this.#free()
    const withGpu = free.filter((slot) => slot.gpu !== undefined)
    const without = free.filter((slot) => slot.gpu === undefined)
    // A trial that wants no GPU leaves those with one to others while it can.
    if (shape.gpus === 0) return firstOf([...without, ...withGpu], 1)
    if (shape.gpus === undefined) return firstOf([...withGpu, ...without], 1)
    const seen = new Set<number>()
    const distinct = withGpu.filter(
      (slot) => slot.gpu !== undefined && !seen.has(slot.gpu.index) && seen.add(slot.gpu.index),
    )
    return firstOf(distinct, shape.gpus)
  }
}

function firstOf(slots: readonly Slot[], count: number): Slot[] | null {
  return slots.length < count ? null : slots.slice(0, count)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * `CUDA_VISIBLE_DEVICES` for the slots of one attempt; undefined leaves it as it is, where the host has no GPUs that we
 * know of. By index, not UUID: programs read it.
 */
export function visibleDevices(held: Held, shape: Shape): string | undefined {
  if (shape.gpus === 0) return ''
  const gpus = held.slots.flatMap((slot) => (slot.gpu === undefined ? [] : [slot.gpu.index]))
  return gpus.length === 0 ? undefined : gpus.join(',')
}
