import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The first of several places, relative to this file: in the source tree, or in dist/ and its chunks/. */
function firstExisting(places: readonly string[]): string | undefined {
  return places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path))
}

/** The folder that goes on PYTHONPATH. */
export function findSdkFolder(): string | undefined {
  return firstExisting(['./python/', '../python/', '../../../../packages/python/'])
}

/** The reaper as a program of its own; there is none in the source tree, where nothing is bundled. */
export function findReaper(): string | undefined {
  return firstExisting(['./reaper.js', '../reaper.js', '../../../../dist/reaper.js'])
}
