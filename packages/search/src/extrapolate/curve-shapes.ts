import { exactExp, exactLog } from '../exact-math.ts'

/** How a loss falls with the share of the training that is over, from 0 to 1. */
type Fall = (share: number) => number

const power = (base: number, exponent: number) => exactExp(exponent * exactLog(base))
const powerLaw =
  (rate: number, exponent: number): Fall =>
  (share) =>
    power(1 + rate * share, -exponent)
const exponential =
  (rate: number, exponent: number): Fall =>
  (share) =>
    exactExp(-power(rate * share, exponent))
const sigmoid =
  (rate: number): Fall =>
  (share) =>
    1 / (1 + rate * share * rate * share)
/** Falls, and then rises again, as a loss does on data held out from a model that overfits. */
const overfitting =
  (rate: number, rise: number): Fall =>
  (share) =>
    exactExp(-rate * share) + rise * share
const flat: Fall = () => 0

/** From a fall that takes about the whole training to one that is over soon after its begin. */
const rates = (highest: number) => [0, 1, 2, 3, 4, 5, 6].map((i) => 0.5 * power(2 * highest, i / 6))

/**
 * The parametric curves of Domhan, Springenberg and Hutter 2015, "Speeding up automatic hyperparameter optimization of
 * deep neural networks by extrapolation of learning curves" (IJCAI), table 1, by what they look like: power laws,
 * (stretched) exponentials, a sigmoid; and no change at all, and a late rise, which those curves of accuracy lack.
 */
const FAMILIES: readonly { readonly share: number; readonly falls: readonly Fall[] }[] = [
  { share: 0.1, falls: [flat] },
  {
    share: 0.75,
    falls: [
      ...[0.5, 1, 2].flatMap((exponent) => rates(300).map((rate) => powerLaw(rate, exponent))),
      ...[0.6, 1].flatMap((exponent) => rates(60).map((rate) => exponential(rate, exponent))),
      ...rates(60).map(sigmoid),
    ],
  },
  {
    share: 0.15,
    falls: [5, 10, 20, 40].flatMap((rate) => [0.05, 0.15, 0.4, 1].map((rise) => overfitting(rate, rise))),
  },
]

/** How likely each shape is before anything is seen; they add up to 1. */
export const SHAPE_SHARES: readonly number[] = FAMILIES.flatMap(({ share, falls }) =>
  falls.map(() => share / falls.length),
)
export const SHAPE_COUNT = SHAPE_SHARES.length

const CELLS = 256
/** Row `cell` has every shape at the share (cell / CELLS)^2: most happens early. */
const table = new Float64Array((CELLS + 1) * SHAPE_COUNT)
for (const [shape, fall] of FAMILIES.flatMap(({ falls }) => falls).entries()) {
  const values = Array.from({ length: CELLS + 1 }, (_, cell) => fall((cell / CELLS) ** 2))
  const range = Math.max(...values) - Math.min(...values)
  for (const [cell, value] of values.entries())
    table[cell * SHAPE_COUNT + shape] = range === 0 ? 0 : (value - values[CELLS]!) / range
}

/**
 * Every shape at a share of the training, scaled so that it spans a range of 1 and ends at 0.
 *
 * @param share 0 to 1
 */
export function shapesAt(share: number): Float64Array {
  const place = Math.sqrt(share) * CELLS
  const cell = Math.min(Math.floor(place), CELLS - 1)
  const part = place - cell
  const values = new Float64Array(SHAPE_COUNT)
  for (let shape = 0; shape < SHAPE_COUNT; shape += 1) {
    const left = table[cell * SHAPE_COUNT + shape]!
    values[shape] = left + part * (table[(cell + 1) * SHAPE_COUNT + shape]! - left)
  }
  return values
}
