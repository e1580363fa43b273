// Installs and builds when that is needed, for the commands of the README that must work on a fresh clone.
// Plain JavaScript without dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs a command in the root, its output shown; a failure ends this process with the same status. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) {
    console.error(`${command}: ${result.error.message}`)
    process.exit(1)
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}

export function install() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`sweep needs Node 20.19 or newer; this is ${process.version}.`)
    process.exit(1)
  }
  const lock = readFileSync(join(root, 'package-lock.json'))
  const stamp = join(root, 'node_modules', '.sweep-installed')
  const digest = createHash('sha256').update(lock).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  console.error('Installing dependencies …')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  writeFileSync(stamp, digest)
}

export function build() {
  const built = statSync(join(root, 'dist', 'sweep.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = ['packages', 'services', 'scripts', 'package-lock.json'].map((name) => join(root, name))
  if (sources.every((source) => newest(source) < built)) return
  console.error('Building …')
  run(process.execPath, ['scripts/build.mjs'])
}

function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  const entries = readdirSync(path).filter((name) => name !== 'node_modules' && name !== '__pycache__')
  return Math.max(stat.mtimeMs, ...entries.map((name) => newest(join(path, name))))
}
