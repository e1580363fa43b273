import { copyFile, mkdir, readdir, rename, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { cleanPath, plain } from './log-values.ts'
import type { Say } from './say.ts'
import type { Spool } from './spool.ts'
import type { ArtifactOptions } from './tracker-types.ts'

const MOST_FILES = 10_000
const METADATA_CHARACTERS = 65_536
const ALIAS = /^[A-Za-z][\w.-]{0,99}$/

export interface FileTarget {
  readonly spool: Spool
  /** Where the agent uploads from when the trial ends; undefined outside of trials. */
  readonly agentFolder: string | undefined
  /** Whether it can be sent from here; else the agent's folder is all there is. */
  readonly isSent: boolean
  readonly say: Say
}

/** Puts a file, or all files of a folder, into the spool. Throws for a file or a name that will not do. */
export async function logFiles(target: FileTarget, path: string, options: ArtifactOptions): Promise<void> {
  const name = cleanPath(options.name ?? basename(resolve(path)))
  if (name === undefined) throw new Error(`${JSON.stringify(options.name)} is not a path inside of the run's artifacts`)
  const about = describe(options, target.say)
  if (!(await stat(path)).isDirectory()) {
    await logFile(target, path, name, about)
    return
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  if (files.length > MOST_FILES) target.say('files', `${path} has more than ${MOST_FILES} files; the rest is left out.`)
  for (const file of files.sort().slice(0, MOST_FILES)) {
    const below = cleanPath([name, ...file.slice(path.length).split(sep)].join('/'))
    if (below === undefined) target.say(`file ${file}`, `${file} is left out: its path is too long.`)
    else await logFile(target, file, below, about)
  }
}

function describe({ type = 'file', metadata, aliases = [] }: ArtifactOptions, say: Say): Record<string, unknown> {
  const made = metadata === undefined ? undefined : plain(metadata, 0)
  const isSmall = made !== undefined && JSON.stringify(made).length <= METADATA_CHARACTERS
  if (made !== undefined && !isSmall) say('metadata', 'the metadata of a file is left out: it has more than 64 KiB.')
  const good = aliases.filter((alias) => ALIAS.test(alias) && alias !== 'latest')
  if (good.length < aliases.length) {
    say('alias', 'an alias is a letter and up to 99 letters, digits, or _ . - and is not latest.')
  }
  return {
    type: type.slice(0, 100) || 'file',
    ...(isSmall && { metadata: made }),
    ...(good.length > 0 && { aliases: good }),
  }
}

async function logFile(target: FileTarget, path: string, name: string, about: Record<string, unknown>): Promise<void> {
  const { agentFolder, spool, say } = target
  if (agentFolder !== undefined) {
    const isThere = await leaveToAgent(path, join(agentFolder, ...name.split('/'))).catch((error: Error) => {
      say('artifacts', `can't put ${name} into the run folder: ${error.message}`)
      return false
    })
    if (isThere && !target.isSent) return
  }
  try {
    spool.append({ op: 'file', body: { path: name, ...about, file: await spool.addFile(path) } })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')))
      throw error
    // No room for a copy: then from where it is, as it will be by then.
    say('copy', `${path} is uploaded from where it is: no room for a copy. Changing it now changes that.`)
    spool.append({ op: 'file', body: { path: name, ...about, source: resolve(path) } })
  }
}

/** The server knows bytes that it has, so nothing is there twice when this process has sent them as well. */
async function leaveToAgent(path: string, to: string): Promise<boolean> {
  if (resolve(path) === resolve(to)) return true
  await mkdir(dirname(to), { recursive: true })
  await copyFile(path, `${to}.tmp`)
  await rename(`${to}.tmp`, to)
  return true
}
