import { SweepError } from '@sweep/spec/errors'

/** SQLSTATE classes and codes that mean "not now": connection lost, shutting down, no connection or disk left, locked. */
const UNAVAILABLE_STATE = /^(08|53|57P0|57014|55P03|25P03|25P04|58030)/
const UNAVAILABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
])
/** pg gives these no code. */
const UNAVAILABLE_TEXT =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|The server does not|the database system is)/i

/** Deadlock or serialization failure: the same transaction may succeed when it is run again. */
export function wantsRetry(error: unknown): boolean {
  const code = codeOf(error)
  return code === '40001' || code === '40P01'
}

/** A row with the same key, or the same name, is there already. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === '23505'
}

/** What was to be stored breaks a rule of the schema, or is no value of its type. */
export function isBadData(error: unknown): boolean {
  return /^2[23]/.test(codeOf(error) ?? '')
}

/** Whether a statement was given up because it took longer than it may; also of an error that `storeError` has made. */
export function isTimeout(error: unknown): boolean {
  return causeCode(error) === '57014'
}

/** Postgres found no room in memory, shared memory (which it calls a full disk) or on disk; also as `isTimeout`. */
export function isOutOfRoom(error: unknown): boolean {
  return /^53[12]00$/.test(causeCode(error) ?? '')
}

function causeCode(error: unknown): string | undefined {
  return codeOf(error instanceof SweepError ? error.cause : error)
}

/** What a caller of the store gets to see: lost connections become `unavailable`, which is retryable. */
export function storeError(error: unknown): unknown {
  if (error instanceof SweepError) return error
  if (!isUnavailable(error) && !wantsRetry(error)) return error
  const said = error instanceof Error ? error.message || codeOf(error) : String(error)
  return new SweepError('unavailable', `Postgres is not available: ${said}`, {
    hint: 'Check that Postgres runs and that DATABASE_URL is right; the call may be repeated.',
    cause: error,
  })
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnavailable)
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (code !== undefined && (UNAVAILABLE_SYSTEM.has(code) || UNAVAILABLE_STATE.test(code))) return true
  return UNAVAILABLE_TEXT.test(error.message)
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
