import type { Json } from '@sweep/spec/number'
import type { ChoiceParameter, Config, Parameter } from '@sweep/spec/search-space'
import { inWords } from '../loss.ts'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import { isActive, sameValue } from '../space/conditions.ts'
import { quantise, roundHalfEven } from '../space/quantum.ts'

/** What a number is multiplied by (Jaderberg et al. 2017, arXiv 1711.09846, section 4.1.1). */
const FACTORS = [1.2, 0.8] as const

export interface Explored {
  readonly config: Config
  /** What became of each parameter that has another value now, in words. */
  readonly changes: readonly string[]
}

/**
 * A config near another one: each parameter is drawn anew from its distribution with the chance `resample`, and perturbed
 * otherwise. One that the parent does not have, as its condition did not hold there, is drawn.
 *
 * @param ordered the parameters of the space, parents first (`parentsFirst`)
 * @param resample 0 to 1
 */
export function explore(ordered: readonly Parameter[], parent: Config, resample: number, rng: Rng): Explored {
  const values = new Map<string, Json>()
  const changes: string[] = []
  for (const parameter of ordered) {
    if (!isActive(parameter, values)) continue
    const { name } = parameter
    const before = Object.hasOwn(parent, name) ? parent[name]! : undefined
    const isDrawn = before === undefined || rng.float() < resample
    const after = isDrawn ? sampleParameter(parameter, rng) : perturb(parameter, before, rng)
    values.set(name, after)
    if (before === undefined || !sameValue(before, after)) {
      changes.push(`${changeInText(name, before, after)}${isDrawn ? ' (drawn)' : ''}`)
    }
  }
  return { config: Object.fromEntries(values), changes }
}

/** @param before undefined where the parent has no such parameter */
export function changeInText(name: string, before: Json | undefined, after: Json): string {
  return `${name} ${inText(before)} → ${inText(after)}`
}

function inText(value: Json | undefined): string {
  if (value === undefined) return 'none'
  return typeof value === 'number' ? inWords(value) : JSON.stringify(value)
}

function perturb(parameter: Parameter, value: Json, rng: Rng): Json {
  switch (parameter.type) {
    case 'constant':
      return parameter.value
    case 'choice':
      return neighbour(parameter, value, rng)
    default:
      return typeof value === 'number' ? scaled(parameter, value, rng) : sampleParameter(parameter, rng)
  }
}

/** Of numbers in ascending order the next or the one before; other choices stay, as none is nearer than the others. */
function neighbour({ values, probabilities }: ChoiceParameter, value: Json, rng: Rng): Json {
  const isOrdered = values.every(
    (one, index) => typeof one === 'number' && (index === 0 || one > (values[index - 1] as number)),
  )
  const step = rng.float() < 0.5 ? 1 : -1
  if (!isOrdered) return value
  const at = values.findIndex((one) => sameValue(one, value))
  const isDrawable = (index: number) => index in values && probabilities?.[index] !== 0
  const next = [at + step, at - step].find(isDrawable)
  return next === undefined ? value : values[next]!
}

type Numeric = Exclude<Parameter, { type: 'constant' | 'choice' }>

/** Times 1.2 or 0.8, within the range; the other way where that leads nowhere, and anew where neither does, as from 0. */
function scaled(parameter: Numeric, value: number, rng: Rng): Json {
  const [first, second] = FACTORS
  for (const factor of rng.float() < 0.5 ? [first, second] : [second, first]) {
    const next = fitted(parameter, atLeastOneStep(parameter, value, factor))
    if (next !== value) return next
  }
  return sampleParameter(parameter, rng)
}

/** A fifth of a small integer, or of a few steps, would round to nothing. */
function atLeastOneStep(parameter: Numeric, value: number, factor: number): number {
  const step = parameter.type === 'int' ? 1 : (parameter.quantum?.q ?? 0)
  const by = value * factor - value
  if (Math.abs(by) >= step) return value + by
  return value + (by < 0 || (by === 0 && factor < 1) ? -step : step)
}

/** The nearest value that the parameter can have. */
function fitted(parameter: Numeric, value: number): number {
  const { min, max } = rangeOf(parameter)
  const inside = Math.min(Math.max(value, min), max)
  if (parameter.type === 'int') return roundHalfEven(inside)
  return parameter.quantum === undefined ? inside : quantise(inside, parameter.quantum)
}

function rangeOf(parameter: Numeric): { readonly min: number; readonly max: number } {
  switch (parameter.type) {
    case 'normal':
      return { min: parameter.scale === 'log' ? 0 : -Number.MAX_VALUE, max: Number.MAX_VALUE }
    case 'beta':
      return { min: 0, max: 1 }
    default:
      return parameter
  }
}
