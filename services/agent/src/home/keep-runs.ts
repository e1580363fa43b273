import { parseDuration, parseMemory } from '@sweep/spec/units'

/** How long run folders of ended attempts stay, and how much they may take together; undefined: without a limit. */
export interface KeepRuns {
  readonly ms?: number
  readonly bytes?: number
}

export const KEEP_RUNS_EXAMPLES = '30d, 200GB, "14d,200GB" or forever'

/** Null for a text that is none. */
export function parseKeepRuns(text: string): KeepRuns | null {
  if (text.trim() === 'forever') return {}
  const parts = text.split(',').map((part) => part.trim())
  const keep: { ms?: number; bytes?: number } = {}
  for (const part of parts) {
    // A bare number could be either.
    if (!/[a-z]/i.test(part)) return null
    const ms = parseDuration(part)
    const bytes = ms === null ? parseMemory(part) : null
    if (ms !== null && keep.ms === undefined) keep.ms = ms
    else if (bytes !== null && keep.bytes === undefined) keep.bytes = bytes
    else return null
  }
  return keep
}
