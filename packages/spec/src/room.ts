import { chooseSlots, countSlotsFor } from './placement.ts'
import type { Room, Shape, Slot } from './wire/agent-protocol.ts'

/** What an agent has left: which of its slots, and the rest as in `Room`. */
export interface FreeRoom {
  readonly free: readonly Slot[]
  readonly cpus: number
  readonly memoryBytes: number
}

/** The room that an agent offers, by the slots it has registered. */
export function freeRoom(room: Room, slots: readonly Slot[]): FreeRoom {
  const { cpus, memoryBytes } = room
  if (room.free !== undefined) {
    const indices = new Set(room.free)
    return { free: slots.filter((slot) => indices.has(slot.index)), cpus, memoryBytes }
  }
  const withGpu = slots.filter((slot) => slot.gpu !== undefined).slice(0, room.gpuSlots)
  const without = slots.filter((slot) => slot.gpu === undefined)
  // Its word counts where it has more room than it registered.
  const more = Array.from({ length: room.slots }, (_, index) => ({ index: slots.length + index }))
  return { free: [...withGpu, ...without, ...more].slice(0, room.slots), cpus, memoryBytes }
}

/** How many trials of a shape fit into what an agent has left. */
export function howManyFit(room: FreeRoom, shape: Shape): number {
  const byCpus = shape.cpus === undefined ? Number.POSITIVE_INFINITY : Math.floor(room.cpus / shape.cpus)
  const byMemory =
    shape.memoryBytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(room.memoryBytes / shape.memoryBytes)
  return Math.max(0, Math.min(countSlotsFor(room.free, shape), byCpus, byMemory))
}

/** What is left after `count` trials of a shape, which must fit. */
export function takeRoom(room: FreeRoom, shape: Shape, count: number): FreeRoom {
  let { free } = room
  for (let taken = 0; taken < count; taken += 1) {
    const chosen = new Set(chooseSlots(free, shape))
    free = free.filter((slot) => !chosen.has(slot))
  }
  return {
    free,
    cpus: room.cpus - count * (shape.cpus ?? 0),
    memoryBytes: room.memoryBytes - count * (shape.memoryBytes ?? 0),
  }
}
