import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { folderIdentity } from '@sweep/snapshot/folder-identity'
import { checkOut } from '@sweep/snapshot/git-checkout'
import { unpackArchive } from '@sweep/snapshot/unpack'
import { SweepError } from '@sweep/spec/errors'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { Backoff } from '../server/backoff.ts'
import type { ObjectTransfer } from '../server/object-transfer.ts'
import type { FolderCache } from './folder-cache.ts'

export interface FetchContext {
  readonly cache: FolderCache
  readonly objects: ObjectTransfer
  /** What git is run with. */
  readonly env: Readonly<Record<string, string>>
  readonly random: () => number
}

export interface FetchCalls {
  progress(text: string): void
  readonly aborted: AbortSignal
}

/**
 * The folder in which an attempt runs: that of the sweep where the agent sees it, a copy of the code elsewhere. Tries on
 * while the server is away.
 * @throws SweepError when the code can't be had, or nobody wants it any more
 */
export async function codeFolder(
  { code, workdir }: Pick<Assignment, 'code' | 'workdir'>,
  context: FetchContext,
  calls: FetchCalls,
): Promise<string> {
  if (code === undefined || code.kind === 'folder') return workdir
  if (code.kind === 'snapshot') {
    const isHere = code.origin !== undefined && folderIdentity(workdir) === code.origin
    return isHere ? workdir : fetchArchive(code.sha256, 'the code', context, calls)
  }
  const folder = await context.cache.get(gitKey(code), (made) => {
    calls.progress(`fetching ${code.url} at ${code.commit.slice(0, 12)}`)
    return checkOut(made, code, context.env)
  })
  const inner = join(folder, code.folder)
  if (statSync(inner, { throwIfNoEntry: false })?.isDirectory() === true) return inner
  throw new SweepError('not-found', `${code.url} has no folder ${code.folder} at ${code.commit}`)
}

/** Keys of what an attempt may have of the cache. */
export function cachedKeys({ code, restoreCopy }: Pick<Assignment, 'code' | 'restoreCopy'>): string[] {
  const ofCode = code?.kind === 'snapshot' ? [code.sha256] : code?.kind === 'git' ? [gitKey(code)] : []
  return restoreCopy === undefined ? ofCode : [...ofCode, restoreCopy.sha256]
}

function gitKey({ url, commit }: { readonly url: string; readonly commit: string }): string {
  return createHash('sha256').update(`${url}\0${commit}`).digest('hex')
}

/**
 * The unpacked archive of this hash, from the cache or the object store.
 * @param what it is, for people
 * @param inner folder to unpack it to, inside of what is returned
 */
export async function fetchArchive(
  sha256: string,
  what: string,
  { cache, objects, random }: FetchContext,
  { aborted, progress }: FetchCalls,
  inner = '',
): Promise<string> {
  const backoff = new Backoff(random)
  for (;;) {
    try {
      return await cache.get(sha256, async (folder) => {
        progress(`fetching ${what}`)
        await mkdir(join(folder, inner), { recursive: true })
        await unpackArchive(await objects.get(sha256, aborted), join(folder, inner))
      })
    } catch (error) {
      const mayTryAgain = error instanceof SweepError && (error.retryable || error.code === 'checksum-mismatch')
      if (!mayTryAgain || aborted.aborted) throw error
      progress(`fetching ${what}: ${error.message}`)
      await backoff.wait(aborted)
    }
  }
}
