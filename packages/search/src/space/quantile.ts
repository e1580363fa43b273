import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { Config, Parameter } from '@sweep/spec/search-space'
import { exactExp, exactLog } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import { isActive } from './conditions.ts'

/** The order of coordinates: by name, so that the order of keys in a document changes nothing. */
export function byName(parameters: readonly Parameter[]): readonly Parameter[] {
  return [...parameters].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * The config at the given quantiles; inactive parameters are left out.
 *
 * @param ordered the parameters of the space, parents first (`parentsFirst`)
 * @param us a coordinate in [0, 1) for each of them, in the order of `byName`
 */
export function configAt(ordered: readonly Parameter[], us: readonly number[]): Config {
  const coordinates = new Map(byName(ordered).map(({ name }, index) => [name, us[index]!]))
  const values = new Map<string, Json>()
  for (const parameter of ordered) {
    if (isActive(parameter, values)) values.set(parameter.name, valueAt(parameter, coordinates.get(parameter.name)!))
  }
  return Object.fromEntries(values)
}

/**
 * The value of a parameter at quantile `u` of its distribution, by which choices go in the order of their list. It never
 * falls as `u` grows, and for a uniform `u` it is distributed as what `sampleParameter` draws, which computes it.
 *
 * @param u in [0, 1)
 */
export function valueAt(parameter: Parameter, u: number): Json {
  // W&B draws inverse-log from the upper end down.
  const isFalling = parameter.type === 'float' && parameter.scale === 'inverse-log'
  return sampleParameter(parameter, quantilesAt(isFalling ? 1 - u : u))
}

/** A generator whose draws from every distribution are its quantile `u`, good for one value of a parameter. */
function quantilesAt(u: number): Rng {
  const refuse = (): never => {
    throw new SweepError('internal', 'a quantile was asked of a distribution that no parameter has')
  }
  return {
    float: () => u,
    // The product may round up to the number of values where that is beyond 2^53.
    int: (min, max) => Math.min(min + Math.floor(u * (max - min + 1)), max),
    normal: () => normalQuantile(u),
    beta: (a, b) => betaQuantile(u, a, b),
    uint32: refuse,
    gamma: refuse,
    shuffle: refuse,
  }
}

/** Half the distance of the doubles that generators give, for the quantile 0, which is infinitely far out. */
const LEAST = 2 ** -54

/**
 * The standard normal distribution's quantile function, to about 16 digits.
 * Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37, 1988, PPND16.
 */
export function normalQuantile(u: number): number {
  const p = Math.max(u, LEAST)
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q
    return (q * polynomial(CENTRE_ABOVE, r)) / polynomial(CENTRE_BELOW, r)
  }
  const r = Math.sqrt(-exactLog(Math.min(p, 1 - p)))
  const tail =
    r <= 5
      ? polynomial(TAIL_ABOVE, r - 1.6) / polynomial(TAIL_BELOW, r - 1.6)
      : polynomial(FAR_ABOVE, r - 5) / polynomial(FAR_BELOW, r - 5)
  return q < 0 ? -tail : tail
}

// Coefficients of AS 241, constant term first, as the doubles nearest to those printed.
const CENTRE_ABOVE = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
  33430.57558358813, 2509.0809287301227,
]
const CENTRE_BELOW = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
  5226.495278852854,
]
const TAIL_ABOVE = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
  0.022723844989269184, 0.0007745450142783414,
]
const TAIL_BELOW = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-9,
]
const FAR_ABOVE = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
]
const FAR_BELOW = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
  1.421511758316446e-7, 2.0442631033899397e-15,
]

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)
}

/** Where both shapes are above it, the normal approximation is closer than the continued fraction is quick. */
const LARGE_SHAPE = 1e4

/** The quantile function of the beta distribution: `betaProbability` undone by halving, on the scale of the logit. */
export function betaQuantile(u: number, a: number, b: number): number {
  if (Math.min(a, b) > LARGE_SHAPE) return largeBetaQuantile(u, a, b)
  const logScale = logGamma(a + b) - logGamma(a) - logGamma(b)
  // Between these logits x goes from the smallest double to 1.
  const logit = lastWhere(-745, 745, (z) => shareBelow(logistic(z), logistic(-z), a, b, logScale) <= u)
  return logistic(logit)
}

/** The share of the beta distribution with shapes `a` and `b` that lies below `x`. */
export function betaProbability(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (Math.min(a, b) > LARGE_SHAPE) return lastWhere(0, 1, (u) => largeBetaQuantile(u, a, b) <= x)
  return shareBelow(x, 1 - x, a, b, logGamma(a + b) - logGamma(a) - logGamma(b))
}

function logistic(logit: number): number {
  return 1 / (1 + exactExp(-logit))
}

/** The greatest number between the two of which it holds, given that it holds below some number and not above. */
function lastWhere(below: number, above: number, holds: (x: number) => boolean): number {
  for (let i = 0; i < 64; i += 1) {
    const middle = (below + above) / 2
    if (holds(middle)) below = middle
    else above = middle
  }
  return below
}

/**
 * The share below x by the continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, which
 * converges quickly below the mean; above it the ends are swapped.
 *
 * @param rest 1 - x, which may have digits that x has not
 * @param logScale -ln B(a, b)
 */
function shareBelow(x: number, rest: number, a: number, b: number, logScale: number): number {
  if (x > (a + 1) / (a + b + 2)) return 1 - shareBelow(rest, x, b, a, logScale)
  if (x === 0) return 0
  return Math.min((exactExp(logScale + a * exactLog(x) + b * logOfRest(x, rest)) / a) * betaFraction(x, a, b), 1)
}

/** ln(1 - x): of a small x, 1 - x has lost digits that a large shape would bring out. */
function logOfRest(x: number, rest: number): number {
  return x < 1e-5 ? -x * (1 + x * (1 / 2 + x * (1 / 3 + x / 4))) : exactLog(rest)
}

/** Lentz's method as modified by Thompson and Barnett 1986. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const awayFromZero = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m < 2000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return fraction
}

/** Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.5.22, where y counts from the upper end: -y here. */
function largeBetaQuantile(u: number, a: number, b: number): number {
  const y = normalQuantile(u)
  const lambda = (y * y - 3) / 6
  const h = 2 / (1 / (2 * a - 1) + 1 / (2 * b - 1))
  const w = (y * Math.sqrt(h + lambda)) / h + (1 / (2 * b - 1) - 1 / (2 * a - 1)) * (lambda + 5 / 6 - 2 / (3 * h))
  return 1 / (1 + (b / a) * exactExp(-2 * w))
}

/** Stirling's series (Abramowitz and Stegun 6.1.41), after steps up to where six terms are enough. */
function logGamma(shape: number): number {
  let x = shape
  let product = 1
  for (; x < 15; x += 1) product *= x
  const square = 1 / (x * x)
  const series =
    (1 / 12 -
      square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))))) /
    x
  return (x - 0.5) * exactLog(x) - x + HALF_LOG_TWO_PI + series - exactLog(product)
}

const HALF_LOG_TWO_PI = 0.9189385332046728
