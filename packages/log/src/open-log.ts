import { type Logger, type LoggerOptions, pino } from 'pino'

/** Bytes of log that wait for a disk with room; further ones are dropped. */
const MOST_UNWRITTEN = 1024 * 1024

/**
 * The log of a service, on standard output. A log whose disk is full, or that nobody reads any more, is no reason to
 * stop: pino's own output would try to write it for ever, and the process with it.
 */
export function openLog(options: LoggerOptions): Logger {
  const output = pino.destination({ fd: 1, sync: true, maxLength: MOST_UNWRITTEN })
  output.on('error', () => undefined)
  return pino(options, output)
}
