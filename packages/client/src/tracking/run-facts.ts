import { execFile } from 'node:child_process'
import { arch, cpus, hostname, platform, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Json } from '@sweep/spec/number'
import type { RunSource } from '@sweep/spec/wire/tracking/runs'
import { cleanText } from './log-values.ts'

const run = promisify(execFile)
const DIFF_CHARACTERS = 500_000
const SECRET = /token|secret|passw|pwd|credential|api[-_]?key|access[-_]?key|auth/i

/** Keys as the agent has them. No variable of the environment is among them. */
export function runEnvironment(): Record<string, Json> {
  return {
    hostname: hostname(),
    platform: `${platform()}-${arch()}`,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    node: process.versions.node,
    executable: process.execPath,
  }
}

/** The program and the state of the git repository that it is in, if any. Never rejects. */
export async function runSource(argv: readonly string[]): Promise<RunSource> {
  const program = argv[1]
  const folder = program === undefined ? process.cwd() : dirname(program)
  const found: RunSource = { type: 'local', entryPoint: commandLine(argv) }
  const git = (...words: string[]) => output(['--no-optional-locks', '-C', folder, ...words])
  const commit = await git('rev-parse', 'HEAD')
  if (commit === undefined) return found
  const [branch, tag, remote, status, diff] = await Promise.all([
    git('rev-parse', '--abbrev-ref', 'HEAD'),
    git('describe', '--tags', '--exact-match'),
    git('config', '--get', 'remote.origin.url'),
    git('status', '--porcelain', '--untracked-files=normal'),
    output(['--no-optional-locks', '-C', folder, 'diff', 'HEAD'], false),
  ])
  return {
    ...found,
    type: 'git',
    commit,
    ...(branch && branch !== 'HEAD' ? { branch: branch.slice(0, 500) } : {}),
    ...(tag ? { tag: tag.slice(0, 500) } : {}),
    ...(remote ? { repo: withoutPassword(remote).slice(0, 2000) } : {}),
    ...(status === undefined ? {} : { dirty: status !== '' }),
    ...(status && diff ? { diff: cleanText(diff, DIFF_CHARACTERS) } : {}),
  }
}

/** `https://user:token@host/x` without what stands before the @. */
export function withoutPassword(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
}

/** The program and its arguments, without the values of those that look secret. */
export function commandLine(argv: readonly string[]): string {
  const words: string[] = []
  let hide = false
  for (const word of argv.slice(1)) {
    const equals = word.indexOf('=')
    const name = equals === -1 ? word : word.slice(0, equals)
    if (hide && !word.startsWith('-')) words.push('***')
    else words.push(equals !== -1 && SECRET.test(name) ? `${name}=***` : word)
    hide = word.startsWith('-') && equals === -1 && SECRET.test(name)
  }
  return cleanText(words.join(' '), 10_000)
}

async function output(words: readonly string[], trims = true): Promise<string | undefined> {
  try {
    const { stdout } = await run('git', [...words], { timeout: 10_000, maxBuffer: 16_777_216 })
    return trims ? stdout.trim() : stdout
  } catch {
    return undefined
  }
}
