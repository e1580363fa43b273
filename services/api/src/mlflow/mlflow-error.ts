import { ERROR_KINDS, type ErrorCode, SweepError } from '@sweep/spec/errors'

/** MLflow's codes, which its clients match, and the status that goes with each where ours is another. */
const CODES: Readonly<Record<ErrorCode, readonly [code: string, status?: number]>> = {
  'invalid-document': ['INVALID_PARAMETER_VALUE'],
  'invalid-request': ['INVALID_PARAMETER_VALUE'],
  unauthenticated: ['UNAUTHENTICATED'],
  forbidden: ['PERMISSION_DENIED'],
  'not-found': ['RESOURCE_DOES_NOT_EXIST'],
  conflict: ['INVALID_PARAMETER_VALUE', 400],
  'gates-failed': ['INVALID_PARAMETER_VALUE', 400],
  fenced: ['RESOURCE_CONFLICT'],
  'checksum-mismatch': ['INVALID_PARAMETER_VALUE'],
  'too-large': ['INVALID_PARAMETER_VALUE'],
  'unsupported-media-type': ['INVALID_PARAMETER_VALUE'],
  misdirected: ['PERMISSION_DENIED'],
  'too-many-requests': ['REQUEST_LIMIT_EXCEEDED'],
  unavailable: ['TEMPORARILY_UNAVAILABLE'],
  unreachable: ['TEMPORARILY_UNAVAILABLE'],
  'storage-full': ['RESOURCE_EXHAUSTED'],
  'port-in-use': ['INTERNAL_ERROR'],
  internal: ['INTERNAL_ERROR'],
}

/** An error with a code of MLflow's that none of ours stands for. */
export class MlflowError extends SweepError {
  readonly mlflowCode: string
  readonly status: number

  constructor(mlflowCode: string, status: number, message: string, hint?: string) {
    super(status === 404 ? 'not-found' : 'invalid-request', message, hint === undefined ? {} : { hint })
    this.mlflowCode = mlflowCode
    this.status = status
  }
}

/** The body and the status by which MLflow's clients know an error. Their users see the message alone. */
export function mlflowError(error: SweepError): { readonly status: number; readonly body: object } {
  const [code, status = ERROR_KINDS[error.code].status] =
    error instanceof MlflowError ? [error.mlflowCode, error.status] : CODES[error.code]
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
  return { status, body: { error_code: code, message } }
}

/** What MLflow has and this server does not. */
export function notSupported(what: string, instead: string): MlflowError {
  return new MlflowError('ENDPOINT_NOT_FOUND', 404, `${what} is not supported by this server`, instead)
}
