import { z } from 'zod'
import { Json } from '../number.ts'

/** Deepest nesting of what people log; what is deeper takes down whoever walks it. */
export const MOST_DEPTH = 50

/** JSON that is not nested too deeply for anybody to read. */
export const ShallowJson = z
  .unknown()
  .refine((value) => isShallow(value, MOST_DEPTH), {
    error: `is nested more than ${MOST_DEPTH} deep; keep it as an artifact`,
    abort: true,
  })
  .pipe(Json)

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  return Object.values(value).every((member) => isShallow(member, levels - 1))
}
