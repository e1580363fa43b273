/**
 * Stable error codes. Clients and tests match these, never the text.
 * The HTTP status and the exit code of each stand in `ERROR_KINDS`.
 */
export const ERROR_KINDS = {
  'invalid-document': { status: 400, exit: 2 },
  'invalid-request': { status: 400, exit: 2 },
  unauthenticated: { status: 401, exit: 4 },
  forbidden: { status: 403, exit: 4 },
  'not-found': { status: 404, exit: 3 },
  conflict: { status: 409, exit: 1 },
  'gates-failed': { status: 409, exit: 1 },
  fenced: { status: 409, exit: 1 },
  'checksum-mismatch': { status: 400, exit: 1 },
  'too-large': { status: 413, exit: 2 },
  'unsupported-media-type': { status: 415, exit: 2 },
  misdirected: { status: 421, exit: 2 },
  'too-many-requests': { status: 429, exit: 1 },
  unavailable: { status: 503, exit: 7 },
  unreachable: { status: 503, exit: 7 },
  'storage-full': { status: 507, exit: 1 },
  'port-in-use': { status: 500, exit: 1 },
  internal: { status: 500, exit: 1 },
} as const

export type ErrorCode = keyof typeof ERROR_KINDS

export interface SweepErrorOptions {
  /** What the reader can do next, one sentence. */
  readonly hint?: string
  readonly cause?: unknown
  /** True when the same call may succeed later, unchanged. */
  readonly retryable?: boolean
  /** Machine-readable particulars, such as diagnostics with positions. */
  readonly details?: unknown
}

/** An error that says what, where, and what to do. Everything thrown on purpose is one of these. */
export class SweepError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly details: unknown

  constructor(code: ErrorCode, message: string, options: SweepErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SweepError'
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? (code === 'unavailable' || code === 'unreachable')
    this.details = options.details
  }
}
