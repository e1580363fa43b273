import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type {
  BetaParameter,
  ChoiceParameter,
  Config,
  FloatParameter,
  IntParameter,
  NormalParameter,
  Parameter,
} from '@sweep/spec/search-space'
import { exactExp, exactLog } from './exact-math.ts'
import type { Rng } from './rng.ts'
import { isActive } from './space/conditions.ts'
import { quantise, roundHalfEven } from './space/quantum.ts'

/**
 * Draws a value for every active parameter, independently.
 *
 * @param ordered the parameters of the space, parents first (`parentsFirst`)
 */
export function sampleConfig(ordered: readonly Parameter[], rng: Rng): Config {
  const values = new Map<string, Json>()
  for (const parameter of ordered) {
    if (isActive(parameter, values)) values.set(parameter.name, sampleParameter(parameter, rng))
  }
  return Object.fromEntries(values)
}

/** Draws one value from the distribution of a parameter. */
export function sampleParameter(parameter: Parameter, rng: Rng): Json {
  switch (parameter.type) {
    case 'float':
      return sampleFloat(parameter, rng)
    case 'int':
      return sampleInt(parameter, rng)
    case 'choice':
      return sampleChoice(parameter, rng)
    case 'constant':
      return parameter.value
    case 'normal':
      return sampleNormal(parameter, rng)
    case 'beta':
      return sampleBeta(parameter, rng)
    default:
      return assertNever(parameter)
  }
}

function sampleFloat({ name, min, max, scale, quantum }: FloatParameter, rng: Rng): number {
  if (scale !== 'linear') requirePositive(name, min)
  const value = clamp(scale === 'linear' ? between(min, max, rng) : logBetween(min, max, scale, rng), min, max)
  return quantum === undefined ? value : quantise(value, quantum)
}

/** min + u (max - min), without overflow where the bounds are further apart than the largest double. */
function between(min: number, max: number, rng: Rng): number {
  const u = rng.float()
  const width = max - min
  return Number.isFinite(width) ? min + u * width : min * (1 - u) + max * u
}

function logBetween(min: number, max: number, scale: 'log' | 'inverse-log', rng: Rng): number {
  // W&B's inv_log_uniform_values: log(1/X) is uniform, so the draw runs from the upper end to the lower one.
  if (scale === 'inverse-log') return 1 / exactExp(between(-exactLog(max), -exactLog(min), rng))
  return exactExp(between(exactLog(min), exactLog(max), rng))
}

function requirePositive(name: string, min: number): void {
  if (min > 0) return
  throw new SweepError('invalid-document', `${name}.min is ${min}, but a log scale needs a value above 0`, {
    hint: 'Use a small positive value such as 1e-6 (for integers, 1), or a linear scale.',
  })
}

function sampleInt({ name, min, max, scale }: IntParameter, rng: Rng): number {
  if (scale === 'linear') return rng.int(min, max)
  requirePositive(name, min)
  // Half a unit beyond both ends gives the integers there the share that those inside have.
  return clamp(roundHalfEven(logBetween(min - 0.5, max + 0.5, 'log', rng)), min, max)
}

function sampleChoice({ values, probabilities }: ChoiceParameter, rng: Rng): Json {
  return values[probabilities === undefined ? rng.int(0, values.length - 1) : sampleIndex(probabilities, rng)]!
}

/** An index, each with its share of the sum of the weights. */
export function sampleIndex(probabilities: readonly number[], rng: Rng): number {
  let left = rng.float() * probabilities.reduce((sum, probability) => sum + probability, 0)
  let last = 0
  for (const [index, probability] of probabilities.entries()) {
    if (probability === 0) continue
    last = index
    left -= probability
    if (left < 0) break
  }
  // Rounding may leave a rest past the end; it goes to the last value that can be drawn at all.
  return last
}

function sampleNormal({ mu, sigma, scale, quantum }: NormalParameter, rng: Rng): number {
  const drawn = mu + sigma * rng.normal()
  const value = scale === 'log' ? exactExp(drawn) : drawn
  // A config is JSON, which has no infinities: exp(710) is past the largest double.
  const finite = clamp(value, -Number.MAX_VALUE, Number.MAX_VALUE)
  return quantum === undefined ? finite : quantise(finite, quantum)
}

function sampleBeta({ a, b, quantum }: BetaParameter, rng: Rng): number {
  const value = rng.beta(a, b)
  return quantum === undefined ? value : quantise(value, quantum)
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}
