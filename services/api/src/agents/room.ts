import type { Room, Shape } from '@sweep/spec/wire/agent-protocol'

/** How many trials of a shape fit into what an agent has left. */
export function howManyFit(room: Room, shape: Shape): number {
  const gpus = shape.gpus ?? 0
  const bySlots = gpus === 0 ? room.slots : Math.floor(Math.min(room.slots, room.gpuSlots) / gpus)
  const byCpus = shape.cpus === undefined ? Number.POSITIVE_INFINITY : Math.floor(room.cpus / shape.cpus)
  const byMemory =
    shape.memoryBytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(room.memoryBytes / shape.memoryBytes)
  return Math.max(0, Math.min(bySlots, byCpus, byMemory))
}

/** What is left after `count` trials of a shape; negative counts give back. */
export function takeRoom(room: Room, shape: Shape, count: number): Room {
  // A trial that names no GPUs gets a slot with whatever GPU that slot has, so at worst it takes one.
  const gpuSlots = shape.gpus ?? 1
  return {
    slots: room.slots - count * Math.max(1, shape.gpus ?? 1),
    gpuSlots: room.gpuSlots - count * gpuSlots,
    cpus: room.cpus - count * (shape.cpus ?? 0),
    memoryBytes: room.memoryBytes - count * (shape.memoryBytes ?? 0),
  }
}
