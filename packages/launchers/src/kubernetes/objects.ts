import { z } from 'zod'

/** What we read of the objects of a cluster; the rest of them is left out. */

const Metadata = z.object({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  creationTimestamp: z.string(),
  ownerReferences: z.array(z.object({ uid: z.string() })).default([]),
  /** When it is to be gone: the time of the request and the grace. */
  deletionTimestamp: z.string().optional(),
  deletionGracePeriodSeconds: z.number().optional(),
})

export const Condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
})
export type Condition = z.infer<typeof Condition>

const Terminated = z.object({
  exitCode: z.int(),
  reason: z.string().optional(),
  message: z.string().optional(),
  finishedAt: z.string().nullish(),
})
export type Terminated = z.infer<typeof Terminated>

const ContainerStatus = z.object({
  name: z.string(),
  image: z.string(),
  state: z
    .object({
      waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
      running: z.object({ startedAt: z.string().nullish() }).optional(),
      terminated: Terminated.optional(),
    })
    .default({}),
})
export type ContainerStatus = z.infer<typeof ContainerStatus>

export const Pod = z.object({
  metadata: Metadata,
  spec: z.object({
    nodeName: z.string().optional(),
    containers: z.array(z.object({ name: z.string(), image: z.string() })).min(1),
    readinessGates: z.array(z.unknown()).default([]),
    tolerations: z
      .array(z.object({ key: z.string().optional(), tolerationSeconds: z.number().optional() }))
      .default([]),
  }),
  status: z
    .object({
      phase: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      conditions: z.array(Condition).default([]),
      initContainerStatuses: z.array(ContainerStatus).default([]),
      containerStatuses: z.array(ContainerStatus).default([]),
    })
    .prefault({}),
})
export type Pod = z.infer<typeof Pod>

export const Job = z.object({
  metadata: Metadata,
  spec: z.object({ suspend: z.boolean().optional() }),
  status: z
    .object({
      conditions: z.array(Condition).default([]),
      /** Counts of pods. */
      succeeded: z.int().default(0),
      failed: z.int().default(0),
    })
    .prefault({}),
})
export type Job = z.infer<typeof Job>

/** What the API server answers when it refuses, and what a watch ends with. */
export const Status = z.object({
  kind: z.literal('Status').optional(),
  code: z.int().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
})
export type Status = z.infer<typeof Status>
