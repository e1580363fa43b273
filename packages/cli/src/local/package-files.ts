import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SweepError } from '@sweep/spec/errors'

/**
 * Folders above this file, the nearest first: inside `dist/` (or a folder of chunks in it) when bundled, inside the
 * source tree otherwise.
 */
function foldersAbove(from: string): string[] {
  const folders: string[] = []
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    folders.push(folder)
    if (dirname(folder) === folder || folders.length > 8) return folders
  }
}

const HERE = fileURLToPath(import.meta.url)

/** A file that comes with the package, or undefined: `standalone.js`, `sweeps/digits/sweep.yaml`. */
export function findPackageFile(name: string, from = HERE): string | undefined {
  for (const folder of foldersAbove(from)) {
    for (const path of [join(folder, name), join(folder, 'dist', name)]) if (existsSync(path)) return path
    if (isPackageRoot(folder)) return undefined
  }
  return undefined
}

/**
 * A built program of ours: `standalone.js`, `agent.js`.
 *
 * @throws SweepError `not-found` in a source tree that has not been built
 */
export function builtFile(name: string): string {
  const path = findPackageFile(name)
  if (path !== undefined) return path
  throw new SweepError('not-found', `${name} is not built.`, { hint: 'Run `npm run build` first.' })
}

/** Nothing of ours lies above it. */
function isPackageRoot(folder: string): boolean {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === '@sweep-hpo/sweep'
  } catch {
    return false
  }
}
