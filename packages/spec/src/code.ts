import { z } from 'zod'

/** SHA-256 as 64 hexadecimal digits: the name of an object in the object store. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be 64 hexadecimal digits' })

/** A commit of git, whole. */
export const Commit = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, { error: 'must be a whole commit hash' })

/** What git resolves to a commit: a branch, a tag or the commit itself. */
export const GitRef = z
  .string()
  .max(250)
  .regex(/^(?!.*(\.\.|\/\/|@\{|\.lock(\/|$)))[A-Za-z0-9][\w./+@-]*$/, { error: 'a branch, a tag or a commit' })

/** Addresses that git may fetch from; nothing that runs a program, and no secrets, which would be there for all to read. */
export const GitUrl = z
  .string()
  .max(1000)
  .regex(/^((https?|ssh|git):\/\/[^\s/-]\S*|file:\/\/\/\S+|[\w.-]+@[\w.-]+:[^\s-]\S*)$/, {
    error: 'an address such as https://host/repository.git or git@host:repository.git',
  })
  .refine((url) => !/^\w+:\/\/[^/@]*:[^/@]*@/.test(url), { error: 'an address without a password in it' })

/** A folder of an archive, by its path from the top; empty for the top itself. */
export const InnerFolder = z
  .string()
  .max(1000)
  .regex(/^$|^(?!\.{1,2}(\/|$))[^/\\\0]+(\/(?!\.{1,2}(\/|$))[^/\\\0]+)*$/, {
    error: 'a folder inside, such as experiments/digits',
  })

/** Where the attempts of a sweep find its code. */
export const Code = z.discriminatedUnion('kind', [
  /** In the folder of the sweep, under the same path on every host. */
  z.strictObject({ kind: z.literal('folder') }),
  /** In an archive of the object store; where `origin` (see `folderIdentity`) is, in the folder that it was taken from. */
  z.strictObject({
    kind: z.literal('snapshot'),
    sha256: Sha256,
    sizeBytes: z.int().min(0),
    origin: z.string().max(200).optional(),
  }),
  z.strictObject({ kind: z.literal('git'), url: GitUrl, commit: Commit, folder: InnerFolder }),
])
export type Code = z.infer<typeof Code>

/** A file by its path from `artifacts/`: any name that a file can have, and never one that leads out. */
export const ArtifactPath = z
  .string()
  .min(1)
  .max(1024)
  .refine((path) => !path.includes('\0') && !/\p{Surrogate}/u.test(path), { error: 'must be text without NUL' })
  .refine((path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), {
    error: 'must be a path inside of artifacts/',
  })
