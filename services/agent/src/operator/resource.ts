import { createHash } from 'node:crypto'
import { newId, SweepId } from '@sweep/spec/ids'
import type { Json } from '@sweep/spec/number'
import { z } from 'zod'

export const GROUP = 'ai.platform.io'
export const API_VERSION = `${GROUP}/v1`
/** Holds a resource until its sweep is over and its Jobs are gone. */
export const FINALIZER = `${GROUP}/sweep`

export const KINDS = ['Sweep', 'Experiment'] as const
export type Kind = (typeof KINDS)[number]
export const PLURALS = { Sweep: 'sweeps', Experiment: 'experiments' } as const satisfies Record<Kind, string>

export const CONDITION_TYPES = ['Accepted', 'Synced', 'Complete'] as const

export const Condition = z.object({
  type: z.enum(CONDITION_TYPES),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  /** Never empty: API servers of 1.20 take an empty text for null, and refuse it. */
  message: z.string().optional(),
  observedGeneration: z.int(),
  /** RFC 3339. */
  lastTransitionTime: z.string(),
})
export type Condition = z.infer<typeof Condition>

/** What we read of a status that we wrote; the rest of it is told anew each time. */
const Known = z.object({
  observedGeneration: z.int().optional(),
  sweepId: SweepId.optional(),
  phase: z.string().optional(),
  warnings: z.array(z.string()).optional(),
  /** Of an experiment, in the order of their trials: those that it was made of, whatever its spec says now. */
  runs: z.array(z.object({ name: z.string() })).optional(),
  conditions: z.array(Condition).default([]),
})

/** A status that somebody else wrote, or an older operator, counts as none. */
const Status = z.unknown().transform((written) => {
  const known = Known.safeParse(written)
  return { written, ...(known.success ? known.data : { conditions: [] }) }
})

/** A resource `Sweep` or `Experiment` as the cluster has it. */
export const Resource = z.object({
  kind: z.enum(KINDS),
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    /** Raised by the cluster with every change of the spec. */
    generation: z.int(),
    finalizers: z.array(z.string()).default([]),
    deletionTimestamp: z.string().optional(),
  }),
  // Looked into by those who render it, one resource at a time: what one author wrote must not keep the others waiting.
  spec: z.record(z.string(), z.unknown()).transform((spec) => spec as { readonly [key: string]: Json }),
  status: Status.prefault({}),
})
export type Resource = z.infer<typeof Resource>

/** The id of a resource's sweep: always the same one, so that it can't become two. */
export function sweepIdOf(uid: string): SweepId {
  const bytes = createHash('sha256').update(uid).digest()
  return SweepId.parse(newId((count) => bytes.subarray(0, count)))
}

/** What a sweep is stored with as its file: which resource it was made for. */
export function fileOf({ kind, metadata: { name, namespace, uid } }: Resource): string {
  return `${PLURALS[kind]}.${GROUP}/${namespace}/${name}/${uid}`
}

export function pathOf({ kind, metadata: { name, namespace } }: Resource): string {
  return `${collectionPath(kind, namespace)}/${name}`
}

/** @param namespace all of them when undefined */
export function collectionPath(kind: Kind, namespace: string | undefined): string {
  return `/apis/${API_VERSION}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${PLURALS[kind]}`
}

/** More than any document has, and less than what the checking of one can go down to. */
const DEEPEST = 100

/** Whether maps and lists stand in each other deeper than anything that makes sense. */
export function isTooDeep(spec: Resource['spec']): boolean {
  let level: Json[] = [spec]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) return true
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}
