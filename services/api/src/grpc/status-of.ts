import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader'
import type { ErrorCode } from '@sweep/spec/errors'
import type { ErrorBody } from '@sweep/spec/wire/api'
import { z } from 'zod'

/** Of each error, the status that clients of gRPC know what to do about. */
const STATUSES = {
  'invalid-document': status.INVALID_ARGUMENT,
  'invalid-request': status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
  // Not ABORTED, upon which clients try again: something must be changed first.
  conflict: status.FAILED_PRECONDITION,
  'gates-failed': status.FAILED_PRECONDITION,
  fenced: status.FAILED_PRECONDITION,
  'checksum-mismatch': status.INVALID_ARGUMENT,
  'too-large': status.RESOURCE_EXHAUSTED,
  'unsupported-media-type': status.INVALID_ARGUMENT,
  misdirected: status.INVALID_ARGUMENT,
  'too-many-requests': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  unreachable: status.UNAVAILABLE,
  'storage-full': status.RESOURCE_EXHAUSTED,
  'port-in-use': status.INTERNAL,
  internal: status.INTERNAL,
} as const satisfies Record<ErrorCode, status>

/** All of it travels in headers, of which some clients take no more than 8 KiB. */
const MOST_TEXT = 1000
const MOST_VIOLATIONS = 10
const MOST_VIOLATION_TEXT = 200
const MOST_FIELDS = 20

const ErrorCodes = z.enum(Object.keys(STATUSES) as ErrorCode[])
const RETRY_SECONDS = 2
const Issues = z.array(z.object({ path: z.string(), message: z.string() })).min(1)
const Particulars = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

/** Makes statuses of errors, with `google.rpc.Status` for clients that want more than a text. */
export class StatusMaker {
  readonly #messages: PackageDefinition

  constructor(messages: PackageDefinition) {
    this.#messages = messages
  }

  statusOf(error: ErrorBody, isRetryable: boolean): StatusObject {
    const code = STATUSES[ErrorCodes.catch('internal').parse(error.code)]
    const text = cut(textOf(error), MOST_TEXT)
    const { requestId = '' } = error
    const details = [
      this.#any('ErrorInfo', {
        reason: error.code.replaceAll('-', '_').toUpperCase(),
        domain: 'sweep',
        metadata: particulars(error),
      }),
      this.#any('RequestInfo', { request_id: requestId }),
      ...this.#violations(error),
      ...(isRetryable ? [this.#any('RetryInfo', { retry_delay: { seconds: RETRY_SECONDS } })] : []),
    ]
    const metadata = new Metadata()
    metadata.set('x-request-id', requestId)
    metadata.set('grpc-status-details-bin', this.#encode('Status', { code, message: text, details }))
    return { code, details: text, metadata }
  }

  #violations(error: ErrorBody): object[] {
    const issues = Issues.safeParse(error.details)
    if (!issues.success) return []
    const violations = issues.data.slice(0, MOST_VIOLATIONS).map(({ path, message }) => ({
      field: cut(path, MOST_VIOLATION_TEXT),
      description: cut(message, MOST_VIOLATION_TEXT),
    }))
    return [this.#any('BadRequest', { field_violations: violations })]
  }

  #any(name: string, message: object): object {
    return { type_url: `type.googleapis.com/google.rpc.${name}`, value: this.#encode(name, message) }
  }

  #encode(name: string, message: object): Buffer {
    const type = this.#messages[`google.rpc.${name}`] as MessageTypeDefinition<object, object>
    return type.serialize(message)
  }
}

/** The stable code as the HTTP API spells it, the hint, and such details as are plain values. */
function particulars({ code, hint, details }: ErrorBody): Record<string, string> {
  const plain = Particulars.safeParse(details)
  const entries = plain.success ? Object.entries(plain.data).slice(0, MOST_FIELDS) : []
  return {
    ...Object.fromEntries(entries.map(([key, value]) => [key, cut(String(value), MOST_VIOLATION_TEXT)])),
    code,
    ...(hint === undefined ? {} : { hint: cut(hint, MOST_TEXT) }),
  }
}

/** Most clients show nothing but this, so it says what to do as well. */
function textOf({ message, hint }: ErrorBody): string {
  return hint === undefined ? message : `${message.replace(/\.$/, '')}. ${hint}`
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text
}
