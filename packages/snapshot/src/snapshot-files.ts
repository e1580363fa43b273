import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { SweepError } from '@sweep/spec/errors'
import { type Entry, type LeftOut, type Listing, totalBytes } from './entry.ts'
import { ignoreRules } from './ignore-rules.ts'
import { entryOf, finished, walkFolder } from './walk.ts'

const GIT_MS = 30_000
const MOST_FILES = 20_000
const BIGGEST_NAMED = 5

export interface SnapshotLimits {
  readonly maxBytes: number
  /** The folder that a server or agent of ours keeps its data in; it holds tokens, changes all the time, and is no code. */
  readonly home: string
  /** Variables that git is run with. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * What belongs to the code in a folder. In a git work tree: what git tracks, as it is now, and what is new and not
 * ignored. Elsewhere: everything. In both less what `.sweepignore` names.
 *
 * @throws SweepError `too-large` naming the biggest files; `invalid-request` when git is there and refuses
 */
export async function snapshotFiles(root: string, limits: SnapshotLimits): Promise<Listing> {
  const isListed = ignoreRules(await readFile(join(root, '.sweepignore'), 'utf8').catch(() => ''))
  const home = await pathWithin(root, limits.home)
  const isIgnored = (path: string, isFolder: boolean) => path === home || isListed(path, isFolder)
  const files: (Entry & { readonly kind: 'file' })[] = []
  let bytes = 0
  const onFile = (entry: Entry & { readonly kind: 'file' }) => {
    files.push(entry)
    bytes += entry.sizeBytes
    // A folder as large as a home is not walked to its end.
    if (bytes > limits.maxBytes || files.length > MOST_FILES) throw tooLarge(root, files, limits.maxBytes)
  }
  const tracked = await gitPaths(root, limits.env)
  // A folder that its repository ignores as a whole is the user's code all the same.
  if (tracked === undefined || tracked.length === 0) {
    const { entries, leftOut } = await walkFolder(root, { isIgnored, onFile })
    return { entries: entries.filter((entry) => entry.kind !== 'folder'), leftOut }
  }
  const entries: Entry[] = []
  const leftOut: LeftOut[] = []
  await addTracked(tracked, '')
  if (bytes > limits.maxBytes) throw tooLarge(root, files, limits.maxBytes)
  return finished({ entries, leftOut })

  async function addTracked(paths: readonly string[], folder: string): Promise<void> {
    for (const path of paths) {
      const full = `${folder}${path.replace(/\/$/, '')}`
      if (isIgnoredDeep(full, isIgnored)) continue
      const entry = await entryOf(root, full, leftOut)
      if (entry?.kind === 'folder') {
        // A repository of its own inside: a submodule, or one that was cloned there.
        await addTracked((await gitPaths(join(root, full), limits.env)) ?? [], `${full}/`)
      } else if (entry !== undefined) {
        entries.push(entry)
        if (entry.kind === 'file') onFile(entry)
      }
    }
  }
}

/** How a file is called from the root, with slashes; whatever that is for one outside, or one that is not there. */
async function pathWithin(root: string, file: string): Promise<string | undefined> {
  const real = await realpath(file).catch(() => undefined)
  return real === undefined
    ? undefined
    : relative(await realpath(root), real)
        .split(sep)
        .join('/')
}

/** A walk does not enter an ignored folder; a list of paths needs each of theirs looked at. */
function isIgnoredDeep(path: string, isIgnored: (path: string, isFolder: boolean) => boolean): boolean {
  const parts = path.split('/')
  return parts.some((_, i) => isIgnored(parts.slice(0, i + 1).join('/'), i < parts.length - 1))
}

/** Undefined outside of work trees, and without git. */
function gitPaths(folder: string, env: SnapshotLimits['env']): Promise<string[] | undefined> {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GIT_')))
  const args = ['-C', folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const options = {
    timeout: GIT_MS,
    maxBuffer: 256 * 1024 * 1024,
    env: { ...own, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
  }
  return new Promise((resolve, reject) => {
    execFile('git', args, options, (error, stdout, stderr) => {
      if (error === null) {
        // A file in conflict is listed once for every side.
        resolve([...new Set(stdout.split('\0').filter((path) => path !== ''))])
      } else if (error.code === 'ENOENT' || stderr.includes('not a git repository')) resolve(undefined)
      else reject(gitRefused(folder, stderr))
    })
  })
}

function gitRefused(folder: string, stderr: string): SweepError {
  return new SweepError('invalid-request', `git can't list the files of ${folder}: ${stderr.trim().split('\n')[0]}`, {
    hint: stderr.includes('dubious ownership')
      ? `Run git config --global --add safe.directory ${folder}, or say --no-snapshot.`
      : 'Correct that, or say --no-snapshot to run trials in the folder itself.',
  })
}

function tooLarge(root: string, files: readonly (Entry & { readonly kind: 'file' })[], maxBytes: number): SweepError {
  const isByCount = files.length > MOST_FILES
  const biggest = [...files].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, BIGGEST_NAMED)
  const named = biggest.map(({ path, sizeBytes }) => `${path} (${megabytes(sizeBytes)})`).join(', ')
  const what = isByCount
    ? `has more than ${MOST_FILES} files`
    : `is larger than ${megabytes(maxBytes)} (at least ${megabytes(totalBytes(files))})`
  return new SweepError('too-large', `The code in ${root} ${what}. The biggest files seen: ${named}.`, {
    hint: 'List what is no code, such as data and checkpoints, in .sweepignore (or .gitignore); raise SWEEP_SNAPSHOT_LIMIT; or say --no-snapshot to run trials in the folder itself.',
  })
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`
}
