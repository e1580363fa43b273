import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Cause } from '@sweep/spec/attempt'
import { z } from 'zod'
import type { Exit } from '../launcher.ts'

const StoredExit = z.object({
  code: z.int().nullable(),
  signal: z.string().nullable(),
  outOfMemory: z.boolean(),
  failure: z.object({ cause: Cause, message: z.string() }).optional(),
})

/** Written before the container is removed: an agent that comes after that learns from it how the attempt ended. */
export function storeExit(path: string, exit: Exit): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(exit)}\n`)
  renameSync(`${path}.new`, path)
}

export function readStoredExit(path: string): Exit | undefined {
  try {
    return StoredExit.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}
