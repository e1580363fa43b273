import { createHash } from 'node:crypto'
import { canonicalJson } from './config-hash.ts'
import type { SweepDocument } from './document/sweep-document.ts'
import type { Shape } from './wire/agent-protocol.ts'

const MIB = 1024 * 1024

/** What the trials of a sweep take up, and where they may run. */
export function shapeOf({ resources, requires }: Pick<SweepDocument, 'resources' | 'requires'>): Shape {
  return requires === undefined ? resources : { ...resources, requires }
}

/**
 * What a trial takes up, as part of a queue name: `any` for one slot, else `g<GPUs>c<CPUs>m<MiB>` with the parts that
 * were asked for, and `-r<hash>` of what it requires of an agent. Memory is rounded up to whole MiB, so that a shape
 * never shrinks on its way through a name.
 */
export function shapeKey(shape: Shape): string {
  const gpus = shape.gpus === undefined ? '' : `g${shape.gpus}`
  const cpus = shape.cpus === undefined ? '' : `c${shape.cpus}`
  const memory = shape.memoryBytes === undefined ? '' : `m${Math.ceil(shape.memoryBytes / MIB)}`
  return `${`${gpus}${cpus}${memory}` || 'any'}${requiresKey(shape)}`
}

/** Hashed: labels may be long, and hold what the name of a queue may not. */
function requiresKey({ requires }: Shape): string {
  if (requires === undefined) return ''
  const text = canonicalJson(JSON.parse(JSON.stringify(requires)))
  return `-r${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/**
 * The ticket queue of one pool, one shape and one launcher, such as `sweep-default-g1c2m4096` (processes) or
 * `sweep-default-g1-docker`. One queue each, so that an agent never takes the ticket of a trial that doesn't fit or that
 * it can't launch, and blocks it for others.
 */
export function queueName(queue: string, shape: Shape, launcher: SweepDocument['launcher']): string {
  return queueNameOf(queue, shapeKey(shape), launcher)
}

/** As `queueName`, by the key of the shape. */
export function queueNameOf(queue: string, shapeKey: string, launcher: string): string {
  return `sweep-${queue}-${shapeKey}${launcher === 'process' ? '' : `-${launcher}`}`
}
