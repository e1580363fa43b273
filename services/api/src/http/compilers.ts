import { SweepError } from '@sweep/spec/errors'
import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { toJson } from './to-json.ts'

const MOST_ISSUES = 20
/** A text this long that is still too long is a matter of size (413) rather than of content (400). */
const LARGE = 65_536

/** Checks bodies, paths and queries with zod; the error names the field, what was seen and what would do. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (data: unknown) => {
    const part = httpPart ?? 'body'
    try {
      const result = schema.safeParse(data)
      return result.success ? { value: result.data } : { error: invalidRequest(result.error, part) }
    } catch (error) {
      // Of the stack: JSON can be nested deeper than anything can follow that walks it.
      if (!(error instanceof RangeError)) throw error
      return {
        error: new SweepError('invalid-request', `the ${partName(part)} is nested too deeply`, { cause: error }),
      }
    }
  }

/** Reply schemas document; what a handler returns is typed by them, so replies are not checked a second time. */
export const serializerCompiler = () => (data: unknown) => toJson(data)

function invalidRequest(error: z.ZodError, part: string): SweepError {
  const issues = error.issues
    .slice(0, MOST_ISSUES)
    .map((issue) => ({ path: pathText(issue.path), message: issue.message }))
  const first = issues[0]
  const tooLarge = error.issues.find(
    (issue) => issue.code === 'too_big' && issue.origin === 'string' && Number(issue.maximum) >= LARGE,
  )
  if (tooLarge !== undefined) {
    return new SweepError('too-large', `${pathText(tooLarge.path)}: ${tooLarge.message}`, { details: issues })
  }
  const where = first === undefined || first.path === '' ? `the ${partName(part)}` : first.path
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : ''
  return new SweepError('invalid-request', `${where}: ${first?.message ?? 'is not valid'}${more}`, { details: issues })
}

function partName(part: string): string {
  return part === 'querystring' ? 'query' : part === 'params' ? 'path' : part
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? shortened(key) : `.${shortened(key)}`))
    .join('')
}

/** Keys may be of the client's making, and of any length. */
function shortened(key: PropertyKey): string {
  const text = String(key)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
