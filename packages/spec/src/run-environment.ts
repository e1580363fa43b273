import { z } from 'zod'

/**
 * What an agent records of where a run took place, as far as somebody asks for it by name. Agents of other versions may
 * record more, less, or otherwise: what does not fit counts as not recorded.
 */
const text = z.string().optional().catch(undefined)
const number = z.number().optional().catch(undefined)

export const RecordedGit = z.object({
  commit: z.string(),
  branch: text,
  dirty: z.boolean().catch(false),
  /** Of the whole diff against the commit; absent where there was none. */
  diffHash: text,
  /** The beginning of it. */
  diff: text,
})
export type RecordedGit = z.infer<typeof RecordedGit>

export const RecordedGpu = z.object({ name: text, memoryBytes: number })
export type RecordedGpu = z.infer<typeof RecordedGpu>

const RecordedCode = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder') }),
  z.object({ kind: z.literal('snapshot'), sha256: z.string() }),
  z.object({ kind: z.literal('git'), url: z.string(), commit: z.string(), folder: z.string() }),
])

export const RunEnvironment = z.object({
  hostname: text,
  platform: text,
  kernel: text,
  cpu: text,
  cpus: number,
  memoryBytes: number,
  workdir: text,
  code: RecordedCode.optional().catch(undefined),
  seed: number,
  gpus: z.array(RecordedGpu).optional().catch(undefined),
  /** Version of the Python that ran the program. */
  python: text,
  /** Versions of what was installed for it, by name. */
  packages: z.record(z.string(), z.string()).optional().catch(undefined),
  packagesHash: text,
  git: RecordedGit.optional().catch(undefined),
})
export type RunEnvironment = z.infer<typeof RunEnvironment>
