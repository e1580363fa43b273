import { SweepError } from '@sweep/spec/errors'
import type { z } from 'zod'

/** Where the next page begins, as text that callers hand back as it is. */
export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** @throws SweepError `invalid-request` for anything that `encodeCursor` has not made */
export function decodeCursor<T>(text: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')))
  if (parsed.success) return parsed.data
  throw new SweepError('invalid-request', 'after: is not a cursor of this list', {
    hint: 'Pass on the `next` of the page before, or leave it out.',
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
