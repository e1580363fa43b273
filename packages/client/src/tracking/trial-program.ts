import { constants, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { RunDecision } from './tracker-types.ts'

type Environment = Readonly<Record<string, string | undefined>>

const LINE_BYTES = 65_536
/** Before what is told on the standard output, as sweep.py does where no agent sees the run folder. */
const RECORD = '\x1esweep report '
export const GO_ON: RunDecision = { stop: false, reason: '', save: false }

const Control = z.looseObject({ stop: z.string().nullish(), save: z.boolean().nullish() })

/** The id of the trial's run; undefined outside of trials. */
export function trialRunId(env: Environment): string | undefined {
  const { SWEEP_ID: sweep, SWEEP_TRIAL: trial } = env
  return sweep && trial && /^[1-9]\d*$/.test(trial) ? `${sweep}-${trial}` : undefined
}

/** What a program in a trial shares with its agent: the file it appends metrics to, and the decision it reads. */
export class TrialProgram {
  readonly #metrics: string | undefined
  readonly #control: string | undefined
  readonly #prints: boolean
  #fd: number | undefined
  #stamp = ''
  #decision = GO_ON

  constructor(env: Environment) {
    const folder = env['SWEEP_RUN_DIR']
    this.#prints = env['SWEEP_REPORT'] === 'stdout'
    this.#metrics = env['SWEEP_METRICS'] || (folder && join(folder, 'metrics.jsonl')) || undefined
    this.#control = folder && !this.#prints ? join(folder, 'control.json') : undefined
  }

  /**
   * One line, in one call, so that those of several processes do not mix.
   * @throws what the file system throws; RangeError for a line that is too long
   */
  report(step: number | undefined, values: Readonly<Record<string, number | string>>): void {
    const text = JSON.stringify({ ...(step === undefined ? {} : { step }), ...values })
    const line = Buffer.from(this.#prints ? `${RECORD}${text}\n` : `${text}\n`)
    if (line.length > LINE_BYTES) throw new RangeError(`a report of ${line.length} bytes; ${LINE_BYTES} is the most`)
    if (!this.#prints && this.#metrics !== undefined) {
      // Not blocking, so that a pipe that nobody reads can't hold up training.
      const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants
      this.#fd ??= openSync(this.#metrics, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o666)
    }
    writeSync(this.#fd ?? 1, line)
  }

  decision(): RunDecision {
    if (this.#control === undefined) return this.#decision
    const stat = statSync(this.#control, { throwIfNoEntry: false, bigint: true })
    const stamp = stat === undefined ? '' : `${stat.mtimeNs} ${stat.ino} ${stat.size}`
    if (stat === undefined || stamp === this.#stamp) return this.#decision
    try {
      const { stop, save } = Control.parse(JSON.parse(readFileSync(this.#control, 'utf8')))
      const reason = stop ?? ''
      this.#decision = { stop: reason !== '', reason, save: save === true || ['paused', 'preempted'].includes(reason) }
      this.#stamp = stamp
    } catch {
      // It is replaced whole, so this is nobody's decision.
    }
    return this.#decision
  }
}
