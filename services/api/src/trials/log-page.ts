import type { LogPage } from '@sweep/spec/wire/api'
import type { LogPage as StoredLog } from '@sweep/store/logs'

/**
 * The first unbroken piece of a stored log from byte `after` on. Pieces may be missing in the middle of very long
 * output, and a stored piece may begin before `after`.
 */
export function logPage(attempt: number, after: number, log: StoredLog | undefined, isAttemptOver: boolean): LogPage {
  const chunks = log?.chunks ?? []
  const end = log?.end ?? 0
  const isOpen = log === undefined ? !isAttemptOver : log.open
  let offset = after
  let next: number | undefined
  let text = ''
  for (const chunk of chunks) {
    if (chunk.stop <= after) continue
    if (next === undefined) {
      offset = Math.max(after, chunk.start)
      text = cutBytes(chunk.text, offset - chunk.start)
    } else if (chunk.start > next) {
      return { attempt, offset, text, next, done: false }
    } else {
      text += chunk.text
    }
    next = chunk.stop
  }
  const reached = next ?? Math.max(after, chunks.length === 0 ? end : after)
  return { attempt, offset, text, next: reached, done: !isOpen && reached >= end }
}

function cutBytes(text: string, count: number): string {
  return count <= 0 ? text : Buffer.from(text, 'utf8').subarray(count).toString('utf8')
}
