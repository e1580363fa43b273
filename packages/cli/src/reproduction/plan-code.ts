import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Client } from '@sweep/client/client'
import { checkOut } from '@sweep/snapshot/git-checkout'
import { gitState } from '@sweep/snapshot/git-state'
import { unpackArchive } from '@sweep/snapshot/unpack'
import type { Code } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import type { RunRecord } from './run-record.ts'

/** Where the code of a run comes from. */
export interface CodePlan {
  readonly code: Code
  /** Where the program starts. */
  readonly folder: string
  /** In words. */
  readonly from: string
  /** What can't be promised of it. */
  readonly limits: readonly string[]
}

export interface CodePlanOptions {
  /** Where copies go. */
  readonly into: string
  /** Take the sweep's own folder. */
  readonly inFolder: boolean
  /** What git is run with. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * Finds the code that a trial ran with, and writes nothing.
 *
 * @throws SweepError `not-found` when it is neither on the server nor on this machine; `conflict` when the folder of the
 *   sweep has moved on to another commit
 */
export async function planCode(client: Client, record: RunRecord, options: CodePlanOptions): Promise<CodePlan> {
  const { sweep, environment } = record
  const { code } = sweep
  if (options.inFolder || code.kind === 'folder') return planFolder(record, options)
  if (code.kind === 'git') {
    const { url, commit, folder } = code
    return { code, folder: join(options.into, folder), from: `commit ${commit.slice(0, 12)} of ${url}`, limits: [] }
  }
  const snapshot = `snapshot ${code.sha256.slice(0, 12)}`
  if (await client.hasObject(code.sha256)) {
    const ranInFolder = environment.workdir === sweep.workdir
    const limits = ranInFolder
      ? [
          `The trial ran in ${sweep.workdir} itself: files there that were changed after the sweep was created, or that git ` +
            'ignores, are not in the snapshot.',
        ]
      : []
    return { code, folder: options.into, from: snapshot, limits }
  }
  if (statSync(sweep.workdir, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SweepError(
      'not-found',
      `The code of sweep ${sweep.id} is gone: the server no longer has ${snapshot}, and ${sweep.workdir} is not on this machine.`,
      { hint: 'Run it where the sweep was created.' },
    )
  }
  const plan = await planFolder(record, options)
  return {
    ...plan,
    limits: [`The server no longer has ${snapshot}; the folder as it is now takes its place.`, ...plan.limits],
  }
}

async function planFolder({ sweep, environment }: RunRecord, { env }: CodePlanOptions): Promise<CodePlan> {
  const folder = sweep.workdir
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SweepError('not-found', `${folder}, the folder that the trial ran in, is not on this machine.`, {
      hint: `It ran on ${environment.hostname ?? 'a host that was not recorded'}; run it there.`,
    })
  }
  const limits: string[] = []
  if (environment.hostname !== undefined && environment.hostname !== hostname()) {
    limits.push(`The trial ran on ${environment.hostname}: whether ${folder} is the same there is not known.`)
  }
  const recorded = environment.git
  const here = await gitState(folder, env)
  if (recorded === undefined) {
    limits.push(`${folder} was in no git repository: whether its files are as they were is not known.`)
  } else if (here?.commit !== recorded.commit) {
    throw new SweepError(
      'conflict',
      `${folder} is ${here === undefined ? 'in no git repository any more' : `at commit ${here.commit.slice(0, 12)}`}; the trial ran at ${recorded.commit.slice(0, 12)}.`,
      { hint: `Run git -C ${folder} checkout ${recorded.commit.slice(0, 12)}, and this again.` },
    )
  } else if (here.diffHash !== recorded.diffHash) {
    limits.push(
      `The uncommitted changes in ${folder} are not those that the trial ran with${recorded.diff === undefined ? '' : ' (they are in its record: sweep diff --json)'}.`,
    )
  }
  limits.push('Files that git does not track may have changed.')
  return { code: { kind: 'folder' }, folder, from: `the folder ${folder}`, limits }
}

/**
 * Puts the code in its place, whole and checked or not at all.
 *
 * @throws SweepError `checksum-mismatch` when the bytes are not those that were stored, `unreachable` when they do not
 *   arrive, or with what git says
 */
export async function fetchCode(client: Client, { code }: CodePlan, { into, env }: CodePlanOptions): Promise<void> {
  if (code.kind === 'folder') return
  await mkdir(into, { recursive: true })
  try {
    if (code.kind === 'git') await checkOut(into, code, env)
    else await fetchSnapshot(client, code.sha256, into)
  } catch (error) {
    await rm(into, { recursive: true, force: true })
    throw error
  }
}

async function fetchSnapshot(client: Client, sha256: string, into: string): Promise<void> {
  const name = `The snapshot ${sha256.slice(0, 12)}`
  const hash = createHash('sha256')
  const hashed = async function* () {
    for await (const chunk of await client.getObject(sha256)) {
      hash.update(chunk)
      yield chunk
    }
  }
  await unpackArchive(Readable.from(hashed()), into).catch((error: unknown) => {
    if (error instanceof SweepError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new SweepError('unreachable', `${name} did not arrive whole: ${why}`, { hint: 'Try again.', cause: error })
  })
  if (hash.digest('hex') === sha256) return
  throw new SweepError('checksum-mismatch', `${name} did not arrive as it was stored.`, { hint: 'Try again.' })
}
