/** Errors of a socket to an engine that is not there, or went away in the middle of something. */
const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET'])

/** The HTTP status with which the engine answered; undefined when it did not. */
export function statusOf(error: unknown): number | undefined {
  const { statusCode } = error as { statusCode?: unknown }
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** Whether the engine is to blame and not what it was asked: it does not answer, or says that it can't just now. */
export function isEngineAway(error: unknown): boolean {
  const status = statusOf(error)
  if (status !== undefined) return status === 503
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' && AWAY.has(code)) || /socket hang up/.test(String(error))
}

/** What the engine said, without the client's preamble: `(HTTP code 404) no such image - No such image: x` and the like. */
export function engineSays(error: unknown): string {
  const { json, message } = error as { json?: { message?: unknown }; message?: unknown }
  const text = typeof json?.message === 'string' ? json.message : String(message ?? error)
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim()
}
