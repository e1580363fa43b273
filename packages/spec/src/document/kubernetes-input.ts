import { z } from 'zod'
import { DURATION_EXAMPLES, parseDuration } from '../units.ts'

const durationError = `a duration such as ${DURATION_EXAMPLES}`
const duration = z
  .union([z.number(), z.string()], { error: durationError })
  .refine((value) => parseDuration(value) !== null, { error: durationError })
const name = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error })
const texts = z.record(z.string(), z.string({ error: 'text' }), { error: 'a map of names and texts' })
const objects = z.array(z.record(z.string(), z.unknown(), { error: 'a map' }), { error: 'a list of maps' })

const PodTemplateInput = z.looseObject(
  {
    metadata: z
      .strictObject(
        { labels: texts.optional(), annotations: texts.optional() },
        { error: 'a map such as {labels: {}}' },
      )
      .optional()
      .describe('Labels and annotations of the pods.'),
    spec: z
      .looseObject(
        {
          containers: objects.min(1, { error: 'a list of at least one container' }).optional(),
          volumes: objects.optional(),
          tolerations: objects.optional(),
        },
        { error: 'a map such as {containers: [{image: my/train:1}]}' },
      )
      .optional()
      .describe('The spec of the pods as Kubernetes takes it; the first container is the one that trains.'),
  },
  { error: 'a map such as {spec: {containers: [{image: my/train:1}]}}' },
)

/** `kubernetes` as it stands in a sweep file. */
export const KubernetesInput = z.strictObject(
  {
    namespace: name(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'the name of a namespace such as team-a')
      .optional()
      .describe("Where the Jobs are made; the agent's own namespace when left out."),
    image: z
      .string({ error: 'the name of an image' })
      .min(1, { error: 'the name of an image' })
      .max(1000, { error: 'the name of an image' })
      .optional()
      .describe('Image of the training container.'),
    template: PodTemplateInput.optional().describe('A whole pod template, for what the short keys do not say.'),
    queue: name(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, 'the name of a queue of Kueue')
      .optional()
      .describe('Queue of Kueue that the Jobs wait in.'),
    gpu_resource: name(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 'the name of a resource such as nvidia.com/gpu')
      .optional()
      .describe('What the cluster calls a GPU; nvidia.com/gpu by default.'),
    deadline: duration
      .refine((value) => (parseDuration(value) ?? 0) >= 1000, { error: 'at least 1s' })
      .optional()
      .describe('The cluster itself ends an attempt that is older than this.'),
    ttl: duration
      .optional()
      .describe('How long the cluster keeps a Job that has ended without an agent; 10m by default.'),
    image_timeout: duration.optional().describe('How long an image may fail to be pulled; 5m by default.'),
    checkpoints: name(/^\//, 'the path of a folder, starting with /')
      .optional()
      .describe('Folder for checkpoints on a volume that the template mounts.'),
  },
  { error: 'a map such as {image: my/train:1}' },
)
export type KubernetesInput = z.infer<typeof KubernetesInput>
