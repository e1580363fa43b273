import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { resolveProgram } from './resolve-program.ts'

const run = promisify(execFile)
const ASK_MS = 10_000
const PYTHON = /\/(python|pypy)[0-9.]*$/

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
    if (resolved.kind === 'missing' || !PYTHON.test(resolved.path)) return Promise.resolve(undefined)
    const known = this.#asked.get(resolved.path)
    if (known !== undefined) return known
    const asked = ask(resolved.path, cwd, env)
    this.#asked.set(resolved.path, asked)
    return asked
  }
}

/** Names as pip compares them. The first of a name is the one that is imported. */
const LIST_PACKAGES = `
import importlib.metadata, json, re, sys
sys.path = [path for path in sys.path if path]
found = {}
for one in importlib.metadata.distributions():
    name = one.metadata["Name"]
    if name:
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), str(one.version))
print(json.dumps(found))
`
const Packages = z.record(z.string().max(200), z.string().max(200))
/** Tens of thousands are no environment of a program. */
const MOST_PACKAGES = 5000

/**
 * What is installed for a Python, versions by name, sorted; undefined where it can't be asked (3.7 and older can't).
 * Takes some tenths of a second.
 */
export async function pythonPackages(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const resolved = resolveProgram(program, cwd, env['PATH'])
  if (resolved.kind === 'missing' || !PYTHON.test(resolved.path)) return undefined
  try {
    const options = { timeout: ASK_MS, cwd, env: { ...env }, maxBuffer: 4 * 1024 * 1024 }
    const { stdout } = await run(resolved.path, ['-c', LIST_PACKAGES], options)
    // What is imported at the start of a Python may print as well.
    const found = Packages.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
    const sorted = Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(sorted.slice(0, MOST_PACKAGES))
  } catch {
    return undefined
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
