import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder with its parents. Node's own `recursive` never returns in file systems that answer ENOENT to any mkdir,
 * such as /proc.
 *
 * @returns the topmost folder that had to be made; undefined when all were there
 * @throws the error of `mkdirSync`
 */
export function makeFolder(path: string, mode?: number): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined
  const parent = dirname(path)
  const topmost = parent === path ? undefined : makeFolder(parent, mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error
    return topmost
  }
  return topmost ?? path
}
