import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { resolveProgram } from './resolve-program.ts'

const run = promisify(execFile)
const ASK_MS = 10_000

/**
 * What `${interpreter}` becomes: `python` where there is one, as W&B says, otherwise `python3`. In a virtual environment
 * both are there and the same; on a bare Debian only `python3` is.
 */
export function interpreterFor(cwd: string, path: string | undefined): string {
  return resolveProgram('python', cwd, path).kind === 'found' ? 'python' : 'python3'
}

/** Versions of Python interpreters, each asked once. */
export class PythonVersions {
  readonly #asked = new Map<string, Promise<string | undefined>>()

  /** The version (`3.11.2`) of the program if it is a Python; undefined for any other. */
  of(program: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
    const resolved = resolveProgram(program, cwd, env['PATH'])
    if (resolved.kind === 'missing' || !/\/(python|pypy)[0-9.]*$/.test(resolved.path)) return Promise.resolve(undefined)
    const known = this.#asked.get(resolved.path)
    if (known !== undefined) return known
    const asked = ask(resolved.path, cwd, env)
    this.#asked.set(resolved.path, asked)
    return asked
  }
}

async function ask(path: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(path, ['--version'], {
      timeout: ASK_MS,
      cwd,
      env: { PATH: env['PATH'], HOME: env['HOME'] },
    })
    return /\d+\.\d+\S*/.exec(`${stdout}${stderr}`)?.[0]
  } catch {
    return undefined
  }
}
