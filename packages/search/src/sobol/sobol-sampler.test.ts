import { expect, test } from 'vitest'
import { randomSampler } from '../random/random-sampler.ts'
import { mixedSpace } from '../testing/documents.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { configsOf, discrepancy, pointsIn, spaceFillingContract } from '../testing/space-filling-contract.ts'
import { allSpaces } from '../testing/spaces.ts'
import { sobolSampler } from './sobol-sampler.ts'

samplerContract(sobolSampler, allSpaces)
spaceFillingContract(sobolSampler)

test('the points are spread more evenly than random ones, for every seed', () => {
  for (const [dimensions, count, ratio] of [
    [2, 64, 0.35],
    [5, 128, 0.5],
    [10, 100, 0.7],
  ] as const) {
    for (let seed = 0; seed < 20; seed += 1) {
      const [sobol, random] = [sobolSampler, randomSampler].map((sampler) =>
        discrepancy(pointsIn(sampler as typeof sobolSampler, dimensions, seed, count)),
      )
      expect(sobol! / random!).toBeLessThan(ratio)
    }
  }
})

test('scrambling keeps the first two dimensions a net', () => {
  const points = pointsIn(sobolSampler, 2, 3, 256)
  for (let k = 0; k <= 8; k += 1) {
    const boxes = points.map(([a, b]) => Math.floor(a! * 2 ** k) * 2 ** 8 + Math.floor(b! * 2 ** (8 - k)))
    expect(new Set(boxes).size).toBe(256)
  }
})

test('parameters past the table are drawn at random and leave the others as they are', () => {
  const wide = pointsIn(sobolSampler, 140, 6, 64)
  expect(wide.map((point) => point.slice(0, 128))).toEqual(pointsIn(sobolSampler, 128, 6, 64))
  const cells = wide.map((point) => Math.floor(point[139]! * 64))
  expect(new Set(cells).size).toBeLessThan(60)
  expect(new Set(wide.map((point) => point[139])).size).toBe(64)
})

test('seed 17 gives these configs on every machine', () => {
  expect(configsOf(sobolSampler, mixedSpace, 17, 3)).toEqual([
    {
      lr: 0.03497814031561456,
      momentum: 0.6531466934037584,
      hidden: 245,
      layers: 3,
      batch: 128,
      optimizer: 'sgd',
      dropout: 0.45,
      decay: 0.003925819148997798,
      epochs: 30,
    },
    {
      lr: 0.000027475113106690606,
      momentum: 0.07750838366811902,
      hidden: 38,
      layers: 8,
      batch: 32,
      optimizer: 'adam',
      beta2: 0.921326185276425,
      dropout: 0.2,
      decay: 0.00004300417690308119,
      epochs: 30,
    },
    {
      lr: 0.000665816242367868,
      momentum: 0.9864693292791095,
      hidden: 468,
      layers: 2,
      batch: 256,
      optimizer: 'sgd',
      dropout: 0.1,
      decay: 0.0001556738689404091,
      epochs: 30,
    },
  ])
})
