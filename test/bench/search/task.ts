import type { Config, SearchSpace } from '@sweep/spec/search-space'

/** A function to minimise, with what a real training would not tell: the value without noise, and the optimum. */
export interface Task {
  readonly name: string
  readonly space: SearchSpace
  /** What a trial of this config reports. The noise is a hash of the config, so the same config reports the same. */
  readonly observe: (config: Config) => number
  /** The value without noise. */
  readonly truth: (config: Config) => number
  /** The smallest value of `truth`. */
  readonly optimum: number
}

/** A task with a value at every step; `observe` and `truth` are those of the last one. */
export interface CurveTask extends Task {
  /** The last step; the first is 1. */
  readonly maxResource: number
  readonly observeAt: (config: Config, step: number) => number
  readonly truthAt: (config: Config, step: number) => number
  /** Virtual seconds that one step takes. */
  readonly stepSeconds: (config: Config) => number
  /** All configs that were ever run, where a table of them is all there is. */
  readonly population?: readonly Config[]
}

/** A task that reports exactly what it is. */
export function noiseless(name: string, space: SearchSpace, optimum: number, truth: (config: Config) => number): Task {
  return { name, space, optimum, truth, observe: truth }
}

type CurveSketch = Omit<CurveTask, 'observe' | 'truth'>

export function curveTask(sketch: CurveSketch): CurveTask {
  const { maxResource, observeAt, truthAt } = sketch
  return {
    ...sketch,
    observe: (config) => observeAt(config, maxResource),
    truth: (config) => truthAt(config, maxResource),
  }
}

export function numberAt(config: Config, name: string): number {
  const value = config[name]
  if (typeof value !== 'number') throw new TypeError(`${name} of ${JSON.stringify(config)} is not a number`)
  return value
}

export function vectorAt(config: Config, size: number): number[] {
  return Array.from({ length: size }, (_, index) => numberAt(config, `x${index}`))
}
