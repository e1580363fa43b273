import { SweepError } from '@sweep/spec/errors'

/** Told (cause, text) of what the program's user should know; once per cause is enough. */
export type Say = (cause: string, text: string) => void

/** What would have been a warning, under SWEEP_STRICT=1: it is meant to get out to the program. */
export class StrictWarning extends SweepError {
  constructor(text: string) {
    super('invalid-request', text)
    this.name = 'StrictWarning'
  }
}
