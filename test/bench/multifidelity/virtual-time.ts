import type { Config } from '@sweep/spec/search-space'

/** The training of one config, step by step from 1. */
export interface Training {
  readonly stepSeconds: number
  /** The values after the steps `from` to `to`, both included. */
  readonly observe: (from: number, to: number) => readonly number[] | Promise<readonly number[]>
  /** The value without noise after a step that was observed. */
  readonly truthAt: (step: number) => number
}

/** A trial that a worker is to train; one that it left before goes on after the last step it reported. */
export interface Assignment {
  readonly trial: number
  readonly config: Config
}

/** What decides which trials run: told everything in the order of virtual time. */
export interface Searcher {
  /** Work for up to `room` free workers; less when there is nothing to start now. */
  readonly start: (room: number, seconds: number) => readonly Assignment[]
  /** The value of a running trial at a rung; `isLast` when it is trained to its end. The running trials to stop now. */
  readonly report: (report: RungReport) => readonly number[]
}

export interface RungReport {
  readonly trial: number
  readonly step: number
  readonly value: number
  readonly isLast: boolean
  readonly seconds: number
}

export interface VirtualMachine {
  readonly workers: number
  /** Steps after which a trial reports, rising; the last one ends it. */
  readonly rungs: readonly number[]
  /** Nothing that happens later counts. */
  readonly endSeconds: number
  /** True value at which nothing more is of interest; with several workers this cuts off what they were just doing. */
  readonly enough?: number
}

/** A lowest value observed so far, as it is without noise, and when its step was done. */
export interface Incumbent {
  readonly seconds: number
  readonly truth: number
}

export interface Simulated {
  /** In the order of time. */
  readonly incumbents: readonly Incumbent[]
  readonly trials: number
  readonly steps: number
}

interface Run {
  readonly trial: number
  readonly training: Training
  /** Index of the rung it works towards. */
  rung: number
  /** When it reaches that. */
  dueSeconds: number
}

/**
 * Trains what a searcher proposes on asynchronous workers in virtual time: nothing waits, and deciding takes no time.
 *
 * A trial reports at rungs only and all steps before count towards the incumbent, reported or not, as in the suite's
 * baselines. One that is stopped frees its worker at that very moment; what it did since its last rung is lost. Reports
 * come in the order of time, those of the same moment by trial number.
 */
export async function simulate(
  searcher: Searcher,
  trainingOf: (config: Config) => Training | Promise<Training>,
  { workers, rungs, endSeconds, enough = Number.NEGATIVE_INFINITY }: VirtualMachine,
): Promise<Simulated> {
  const runs = new Map<number, Run>()
  const running = new Set<Run>()
  const incumbents: Incumbent[] = []
  let best = Number.POSITIVE_INFINITY
  let steps = 0
  const startOf = (run: Run) => rungs[run.rung - 1] ?? 0
  const schedule = (run: Run, now: number) => {
    run.dueSeconds = now + (rungs[run.rung]! - startOf(run)) * run.training.stepSeconds
    running.add(run)
  }

  for (let now = 0; ; ) {
    const room = workers - running.size
    for (const { trial, config } of room > 0 ? searcher.start(room, now) : []) {
      const run = runs.get(trial) ?? { trial, training: await trainingOf(config), rung: 0, dueSeconds: 0 }
      runs.set(trial, run)
      schedule(run, now)
    }
    const run = earliest(running)
    if (run === undefined || run.dueSeconds > endSeconds) break
    now = run.dueSeconds

    const step = rungs[run.rung]!
    const values = await run.training.observe(startOf(run) + 1, step)
    let truth = Number.POSITIVE_INFINITY
    for (const [index, value] of values.entries()) {
      if (!(value < best)) continue
      best = value
      const at = startOf(run) + 1 + index
      truth = run.training.truthAt(at)
      incumbents.push({ seconds: now - (step - at) * run.training.stepSeconds, truth })
    }
    steps += values.length
    if (truth <= enough) break

    running.delete(run)
    run.rung += 1
    const isLast = run.rung === rungs.length
    if (!isLast) schedule(run, now)
    const left = searcher.report({ trial: run.trial, step, value: values.at(-1)!, isLast, seconds: now })
    for (const trial of left) running.delete(runs.get(trial)!)
  }
  return { incumbents: incumbents.sort((a, b) => a.seconds - b.seconds || a.truth - b.truth), trials: runs.size, steps }
}

function earliest(running: ReadonlySet<Run>): Run | undefined {
  let first: Run | undefined
  for (const run of running) {
    if (first === undefined || run.dueSeconds < first.dueSeconds) first = run
    else if (run.dueSeconds === first.dueSeconds && run.trial < first.trial) first = run
  }
  return first
}

/** When the incumbent was first as low as the target without its noise; undefined when it never was. */
export function secondsTo(target: number, incumbents: readonly Incumbent[]): number | undefined {
  return incumbents.find(({ truth }) => truth <= target)?.seconds
}
