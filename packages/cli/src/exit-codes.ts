import { ERROR_KINDS, SweepError } from '@sweep/spec/errors'

/** What the process ends with; scripts may rely on these. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  noGoodTrial: 5,
  waitTimedOut: 6,
  unreachable: 7,
  interrupted: 130,
} as const

export const EXIT_CODE_HELP: readonly (readonly [number, string, string])[] = [
  [EXIT.ok, 'ok', 'Done; for `wait`, what was waited for is true.'],
  [EXIT.failed, 'failed', 'The server or the command failed; `doctor` when a check is red.'],
  [EXIT.usage, 'usage', 'The command line or the sweep file is wrong; nothing was done.'],
  [EXIT.notFound, 'not found', 'There is no such sweep, trial, agent, model or file.'],
  [EXIT.auth, 'auth', 'The token is missing, wrong, or may not do this.'],
  [EXIT.noGoodTrial, 'no good trial', 'The sweep ended and not one trial has a value.'],
  [EXIT.waitTimedOut, 'timed out', '`wait --timeout` ran out; the sweep goes on.'],
  [EXIT.unreachable, 'unreachable', 'The server does not answer.'],
  [EXIT.interrupted, 'interrupted', 'Ctrl-C; the sweep goes on.'],
]

/** The exit code of an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  return error instanceof SweepError ? ERROR_KINDS[error.code].exit : EXIT.failed
}

/** The command line is wrong: what was seen, and what would do. */
export function usageError(message: string, hint?: string): SweepError {
  return new SweepError('invalid-request', message, hint === undefined ? {} : { hint })
}
