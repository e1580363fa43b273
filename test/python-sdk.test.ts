import { execFile, execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..')

interface Python {
  readonly path: string
  readonly version: string
}

/** Each different Python 3.8 or newer that starts here: of PATH, of the system, and the numbered ones. */
function pythons(): Python[] {
  const numbered = Array.from({ length: 12 }, (_, i) => `python3.${8 + i}`)
  const found = new Map<string, Python>()
  for (const name of ['python3', '/usr/bin/python3', ...numbered]) {
    try {
      const script =
        'import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3]); sys.version_info >= (3, 8) or sys.exit(1)'
      const out = execFileSync(name, ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const [path = name, version = ''] = out.trim().split('\n')
      found.set(realpathSync(path), { path, version })
    } catch {
      // Not installed, or a version manager's stand-in for one that isn't.
    }
  }
  return [...found.values()]
}

const PYTHONS = pythons()
const SUITES = ['packages/python', 'sweeps/digits']

async function runSuite(python: Python, folder: string): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const { stderr } = await run(python.path, ['-m', 'unittest'], { cwd: join(ROOT, folder), env, timeout: 110_000 })
  return stderr
}

if (PYTHONS.length === 0 && process.env['SWEEP_REQUIRE_ALL'] === '1')
  throw new Error('python3 is missing: apt-get install python3')

describe.skipIf(PYTHONS.length === 0)(
  'Python suites (skipped without Python 3.8 or newer: apt-get install python3)',
  () => {
    for (const python of PYTHONS)
      for (const folder of SUITES)
        test(`${folder} passes its own tests under ${python.path} ${python.version}`, {
          timeout: 120_000,
        }, async () => {
          // unittest exits 0 when it finds no test at all, in versions before 3.12.
          expect(await runSuite(python, folder)).toMatch(/^Ran [1-9]\d* tests? in .*\n\nOK/m)
        })
  },
)
