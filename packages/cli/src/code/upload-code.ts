import type { Client } from '@sweep/client/client'
import { folderIdentity } from '@sweep/snapshot/folder-identity'
import { digestOf, packFolder } from '@sweep/snapshot/pack'
import { snapshotFiles } from '@sweep/snapshot/snapshot-files'
import type { Code } from '@sweep/spec/code'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { parseMemory } from '@sweep/spec/units'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { resolveCommit } from './resolve-commit.ts'

const DEFAULT_LIMIT = 100_000_000
const LEFT_OUT_NAMED = 5

/**
 * Makes the code of a new sweep available to agents that don't see its folder, as the document asks; undefined when its
 * trials run in the folder and nowhere else.
 */
export async function uploadCode(
  context: CliContext,
  client: Client,
  workdir: string,
  { code = 'auto', launcher }: Pick<SweepDocument, 'code' | 'launcher'>,
): Promise<Code | undefined> {
  // What runs in a pod finds its code in its image.
  if (code === 'none' || (code === 'auto' && launcher === 'kubernetes')) return undefined
  if (typeof code !== 'string') {
    const { git: url, ref, folder } = code
    return { kind: 'git', url, commit: await resolveCommit(url, ref, context.process.environment), folder }
  }
  try {
    const digest = await uploadSnapshot(context, client, workdir)
    // Where trials run: who asks for the snapshot gets it everywhere.
    const origin = code === 'auto' ? folderIdentity(workdir) : undefined
    return { kind: 'snapshot', ...digest, ...(origin === undefined ? {} : { origin }) }
  } catch (error) {
    // A server of this machine runs trials on this machine, in the folder itself: that needs no snapshot.
    const isOptional = code === 'auto' && isLocal(client.url)
    if (!isOptional || !(error instanceof SweepError) || !OF_THE_FOLDER.has(error.code)) throw error
    context.warn(`no snapshot of the code, so trials can run on this machine only. ${error.message}`)
    return undefined
  }
}

/** What the folder is to blame for, and not the server. */
const OF_THE_FOLDER = new Set(['too-large', 'invalid-request', 'conflict'])

async function uploadSnapshot(
  context: CliContext,
  client: Client,
  workdir: string,
): Promise<{ sha256: string; sizeBytes: number }> {
  const { environment } = context.process
  const { home } = context.settings
  const limits = { maxBytes: limitOf(environment), home, env: environment }
  const { entries, leftOut } = await snapshotFiles(workdir, limits)
  for (const { path, why } of leftOut.slice(0, LEFT_OUT_NAMED)) context.warn(`${path} ${why}; the snapshot lacks it.`)
  if (leftOut.length > LEFT_OUT_NAMED) {
    context.warn(`the snapshot lacks ${leftOut.length - LEFT_OUT_NAMED} more like that.`)
  }
  const digest = await digestOf(packFolder(workdir, entries))
  if (!(await client.hasObject(digest.sha256))) await client.putObject(digest.sha256, packFolder(workdir, entries))
  return digest
}

function limitOf(environment: CliContext['process']['environment']): number {
  const text = environment['SWEEP_SNAPSHOT_LIMIT']
  if (text === undefined || text === '') return DEFAULT_LIMIT
  const bytes = parseMemory(text)
  if (bytes === null) throw usageError(`SWEEP_SNAPSHOT_LIMIT is no size: ${text}.`, 'Write it as 500MB or 2GB.')
  return bytes
}

function isLocal(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}
