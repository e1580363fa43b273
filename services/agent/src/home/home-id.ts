import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a home is known by outside of this host; undefined for one from which nothing was started yet. */
export function readHomeId(home: string): string | undefined {
  try {
    return readFileSync(join(home, 'id'), 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
