import { z } from 'zod'
import { MEMORY_EXAMPLES, parseMemory } from '../units.ts'
import { oneOf } from './input-values.ts'
import { CONTAINER_NETWORKS, IMAGE_NAME, PULL_POLICIES } from './sweep-document.ts'

const absolute = (error: string) => z.string({ error }).startsWith('/', { error })
const mountError = 'text such as /data:/data:ro, or a map with source and target'
const userError = 'a name or numbers such as 1000:1000'
const memory = z
  .union([z.number(), z.string()], { error: `a size such as ${MEMORY_EXAMPLES}` })
  .refine((value) => (parseMemory(value) ?? 0) > 0, { error: `a size such as ${MEMORY_EXAMPLES}` })

const MountInput = z.strictObject(
  {
    source: z.string({ error: 'a path on the host' }).min(1, { error: 'a path on the host' }),
    target: absolute('an absolute path in the container'),
    readOnly: z.boolean({ error: 'true or false' }).optional(),
  },
  { error: mountError },
)

/** `container` of a sweep file, the container of launcher `docker`. */
export const ContainerInput = z.strictObject(
  {
    image: z
      .string({ error: 'the name of an image' })
      .regex(IMAGE_NAME, { error: 'the name of an image such as pytorch/pytorch:2.5, or name@sha256:…' })
      .describe('The image: name:tag, or name@sha256:… for one that never changes.'),
    pull: oneOf(PULL_POLICIES).optional().describe('When the image is pulled; where it is missing by default.'),
    mounts: z
      .array(
        z.union([z.string().regex(/^[^:]+:\/[^:]*(:ro|:rw)?$/, { error: mountError }), MountInput], {
          error: mountError,
        }),
        { error: 'a list such as ["/data:/data:ro"]' },
      )
      .optional()
      .describe('Folders of the host, as source:target or source:target:ro; relative ones start at the sweep file.'),
    workdir: absolute('an absolute path in the container')
      .optional()
      .describe("Where the program starts; by default the sweep's folder, which is then mounted at its own path."),
    user: z
      .string({ error: userError })
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/, { error: userError })
      .optional()
      .describe("Whom the program runs as; the agent's own user by default."),
    shm_size: memory.optional().describe('Size of /dev/shm; 1GiB by default.'),
    network: oneOf(CONTAINER_NETWORKS).optional().describe('bridge by default.'),
    entrypoint: z
      .array(z.string({ error: 'text' }), { error: 'a list such as ["/entry.sh"], or [] for none' })
      .optional()
      .describe("Takes the place of the image's own; [] for none."),
  },
  { error: 'a map such as {image: "pytorch/pytorch:2.5"}' },
)
export type ContainerInput = z.infer<typeof ContainerInput>
