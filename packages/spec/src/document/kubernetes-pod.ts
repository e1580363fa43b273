import { z } from 'zod'
import { Json } from '../number.ts'

const Texts = z.record(z.string(), z.string())

/** A pod template as the cluster takes it; only what we build on is looked at here, the rest is the cluster's to judge. */
export const PodTemplate = z.looseObject({
  metadata: z.strictObject({ labels: Texts.optional(), annotations: Texts.optional() }).optional(),
  spec: z
    .looseObject({
      /** The first is the one that trains. */
      containers: z.array(z.record(z.string(), Json)).min(1).optional(),
      volumes: z.array(z.record(z.string(), Json)).optional(),
      tolerations: z.array(z.record(z.string(), Json)).optional(),
    })
    .optional(),
})
export type PodTemplate = z.infer<typeof PodTemplate>

/** How the pods of a sweep are made. */
export const KubernetesPod = z.strictObject({
  /** The agent's own when absent. */
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
    .optional(),
  /** Of the training container; absent when the template names one. */
  image: z.string().min(1).max(1000).optional(),
  template: PodTemplate.optional(),
  /** Queue of Kueue that the Jobs wait in. */
  queue: z.string().max(63).optional(),
  /** What the cluster calls a GPU. */
  gpuResource: z.string().max(316).default('nvidia.com/gpu'),
  /** The cluster ends an attempt that is older than this, with the agent or without. */
  deadlineMs: z.int().min(1000).optional(),
  /** How long the cluster keeps a Job that has ended, when no agent is there to remove it. */
  ttlMs: z.int().min(0).default(600_000),
  /** An image that can't be pulled for so long makes the attempt fail. */
  imageTimeoutMs: z.int().min(0).default(300_000),
  /** Folder on a volume that the template mounts, the same in all pods; without it, checkpoints go with their pod. */
  checkpoints: z.string().startsWith('/').max(4000).optional(),
})
export type KubernetesPod = z.infer<typeof KubernetesPod>
