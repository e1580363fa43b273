import { SweepError } from '@sweep/spec/errors'

/** @param name what doesn't answer, such as `Redis at 127.0.0.1:6379` */
export function queueAway(name: string, error: unknown): SweepError {
  const why = error instanceof Error && error.message !== '' ? error.message : String(error)
  return new SweepError('unavailable', `The ticket queue (${name}) doesn't answer: ${why}`, {
    cause: error,
    hint: 'Work goes on by itself once it answers again; no trial is lost.',
  })
}
