import { setTimeout as sleep } from 'node:timers/promises'
import { SweepError } from '@sweep/spec/errors'

const LONGEST_WAIT_MS = 5000

/**
 * Tries `connect` until it works, waiting longer each time; errors that another try can't mend, and the last one when
 * `timeoutMs` has passed, are thrown.
 * @param what named in the message, such as "Postgres at 127.0.0.1:5432"
 * @param say told once per failed try
 */
export async function connectWithRetry<T>(
  what: string,
  connect: () => Promise<T>,
  timeoutMs: number,
  say: (message: string) => void,
): Promise<T> {
  let waited = 0
  for (let tries = 0; ; tries += 1) {
    try {
      return await connect()
    } catch (cause) {
      const retryable = cause instanceof SweepError ? cause.retryable : true
      if (!retryable) throw cause
      const why = rootMessage(cause)
      if (waited >= timeoutMs) {
        throw new SweepError('unavailable', `${what} can't be reached after ${Math.round(waited / 1000)} s: ${why}`, {
          hint: 'Check that it runs and that the address and password are right.',
          cause,
        })
      }
      const pause = Math.min(250 * 2 ** tries, LONGEST_WAIT_MS, Math.max(timeoutMs - waited, 50))
      say(`${what} can't be reached (${why}); trying again in ${(pause / 1000).toFixed(1)} s`)
      await sleep(pause)
      waited += pause
    }
  }
}

function rootMessage(error: unknown): string {
  const causes: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause) causes.push(at.message || at.name)
  return causes.at(-1) ?? String(error)
}

/** Host and port of an address, never its user or password. */
export function withoutSecrets(url: string): string {
  try {
    const { hostname, port, protocol } = new URL(url)
    return `${hostname}:${port || (protocol.startsWith('redis') ? 6379 : 5432)}`
  } catch {
    return 'the configured address'
  }
}
