import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRng } from '../rng.ts'
import { tableOf } from '../table.ts'
import { choice, completed, drawn, spaceOf, unit } from '../testing/sweeps.ts'
import type { SweepPoints } from '../trial-points.ts'
import { FOREST_DEFAULTS, type Forest, growForest, outOfBagR2, predict } from './forest.ts'
import { leavesOf, marginal, moments, pairMarginal } from './marginals.ts'

function forestOf(points: SweepPoints, settings: Partial<typeof FOREST_DEFAULTS> = {}): Forest {
  const { axes, columns, losses } = tableOf(points)
  return growForest(axes, columns, losses, { ...FOREST_DEFAULTS, ...settings })
}

/** Two numbers and a weighted choice with random losses: trees split on everything. */
function mixed(seed: number, count: number): SweepPoints {
  const rng = createRng(seed)
  const rows = Array.from({ length: count }, () => {
    const config = { a: Math.round(rng.float() * 8) / 8, b: rng.float(), c: ['p', 'q', 'r', 's'][rng.below(4)]! }
    return [config, rng.float() + (config.c === 'q' ? config.a : -config.b)] as const
  })
  const weighted = { ...choice('c', 'p', 'q', 'r', 's'), probabilities: [0.1, 0.2, 0.3, 0.4] }
  return { space: spaceOf(unit('a'), unit('b'), weighted), trials: completed(rows), goal: 'minimize' }
}

test('marginals, their mean and the variance are those of going through the whole space bin by bin', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 6, max: 14 }), (seed, count) => {
      const forest = forestOf(mixed(seed, count), { trees: 2, leastInLeaf: 1, seed })
      const { features } = forest
      for (const tree of forest.trees) {
        const leaves = leavesOf(tree, features)
        const single = features.map(({ count: bins }) => new Float64Array(bins))
        const pair = new Float64Array(features[0]!.count * features[2]!.count)
        let [mean, square] = [0, 0]
        for (let a = 0; a < features[0]!.count; a += 1)
          for (let b = 0; b < features[1]!.count; b += 1)
            for (let c = 0; c < features[2]!.count; c += 1) {
              const at = [a, b, c]
              const [ma, mb, mc] = features.map(({ mass }, feature) => mass[at[feature]!]!)
              const said = predict(tree, (feature) => at[feature]!)
              mean += said * ma! * mb! * mc!
              square += said ** 2 * ma! * mb! * mc!
              single[0]![a]! += said * mb! * mc!
              single[1]![b]! += said * ma! * mc!
              single[2]![c]! += said * ma! * mb!
              pair[a * features[2]!.count + c]! += said * mb!
            }
        const found = moments(leaves)
        expect(found.mean).toBeCloseTo(mean, 10)
        expect(found.variance).toBeCloseTo(square - mean ** 2, 10)
        for (const [feature, expected] of single.entries()) {
          const line = marginal(leaves, feature)
          for (const [bin, value] of expected.entries())
            expect(line[leaves.cellOf[feature]![bin]!]).toBeCloseTo(value, 10)
        }
        const plane = pairMarginal(leaves, 0, 2)
        const stride = leaves.cellMass[2]!.length
        for (const [place, value] of pair.entries()) {
          const [a, c] = [Math.floor(place / features[2]!.count), place % features[2]!.count]
          expect(plane[leaves.cellOf[0]![a]! * stride + leaves.cellOf[2]![c]!]).toBeCloseTo(value, 10)
        }
      }
    }),
    { numRuns: 40 },
  )
})

test('what the splits lower the error by is the error that is gone, and no leaf is smaller than allowed', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 5, max: 60 }), fc.integer({ min: 1, max: 4 }), (seed, count, least) => {
      const { features, targets, trees, weights } = forestOf(mixed(seed, count), { trees: 1, leastInLeaf: least, seed })
      const [tree, times] = [trees[0]!, weights[0]!]
      const rows = [...targets.keys()].flatMap((row) => Array<number>(times[row]!).fill(row))
      const said = rows.map((row) => predict(tree, (feature) => features[feature]!.codes[row]!))
      const mean = rows.reduce((sum, row) => sum + targets[row]! / rows.length, 0)
      const before = rows.reduce((sum, row) => sum + (targets[row]! - mean) ** 2, 0)
      const after = rows.reduce((sum, row, place) => sum + (targets[row]! - said[place]!) ** 2, 0)
      fc.pre(before > 1e-9)
      expect(tree.decrease.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1 - after / before, 9)
      const sizes = new Map<number, number>()
      for (const value of said) sizes.set(value, (sizes.get(value) ?? 0) + 1)
      if (rows.length >= least) expect(Math.min(...sizes.values())).toBeGreaterThanOrEqual(least)
    }),
    { numRuns: 60 },
  )
})

test('bins split the range between the values that were tried, and never more finely than into 64', () => {
  const { features } = forestOf(
    drawn(['x'], 1000, createRng(1), ({ x }) => x!),
    { trees: 1 },
  )
  const [bins] = features
  expect(bins!.count).toBeGreaterThan(50)
  expect(bins!.count).toBeLessThanOrEqual(64)
  expect(bins!.mass.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 12)
  const few = forestOf({
    space: spaceOf({ name: 'n', type: 'int', min: 1, max: 4 }),
    goal: 'minimize',
    trials: completed([4, 1, 2, 1, 4].map((n) => [{ n }, n])),
  })
  expect([...few.features[0]!.codes]).toEqual([2, 0, 1, 0, 2])
  expect([...few.features[0]!.mass]).toEqual([0.25, 0.375, 0.375])
})

test('out of the bag, a known function is predicted and noise is not', () => {
  const known = forestOf(drawn(['x', 'y'], 300, createRng(2), ({ x, y }) => (x! - 0.5) ** 2 + y!))
  expect(outOfBagR2(known)).toBeGreaterThan(0.9)
  const rng = createRng(3)
  expect(outOfBagR2(forestOf(drawn(['x', 'y'], 300, createRng(4), () => rng.float())))).toBeLessThan(0.1)
})

test('no spread in the losses, or one trial, makes trees of one leaf', () => {
  const flat = forestOf(drawn(['x'], 20, createRng(5), () => 7))
  expect(flat.trees.every(({ feature }) => feature.length === 1)).toBe(true)
  expect(outOfBagR2(flat)).toBeNull()
  expect(outOfBagR2(forestOf(drawn(['x'], 1, createRng(5), () => 7)))).toBeNull()
})

test('the same seed grows the same forest, and another one another', () => {
  const points = mixed(6, 40)
  expect(forestOf(points, { seed: 1 }).trees).toEqual(forestOf(points, { seed: 1 }).trees)
  expect(forestOf(points, { seed: 1 }).trees).not.toEqual(forestOf(points, { seed: 2 }).trees)
})
