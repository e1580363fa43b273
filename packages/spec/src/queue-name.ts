import type { Shape } from './wire/agent-protocol.ts'

const MIB = 1024 * 1024

/**
 * What a trial takes up, as part of a queue name: `any` for one slot, else `g<GPUs>c<CPUs>m<MiB>` with the parts that
 * were asked for. Memory is rounded up to whole MiB, so that a shape never shrinks on its way through a name.
 */
export function shapeKey(shape: Shape): string {
  const gpus = shape.gpus === undefined ? '' : `g${shape.gpus}`
  const cpus = shape.cpus === undefined ? '' : `c${shape.cpus}`
  const memory = shape.memoryBytes === undefined ? '' : `m${Math.ceil(shape.memoryBytes / MIB)}`
  return `${gpus}${cpus}${memory}` || 'any'
}

/**
 * The ticket queue of one pool and one shape, such as `sweep-default-g1c2m4096`. One queue a shape, so that an agent
 * with little room left never takes the ticket of a trial that doesn't fit and blocks it for others.
 */
export function queueName(queue: string, shape: Shape): string {
  return `sweep-${queue}-${shapeKey(shape)}`
}
