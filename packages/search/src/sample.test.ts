import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rngFor } from './rng.ts'
import { sampleConfig, sampleParameter } from './sample.ts'
import { parentsFirst } from './space/conditions.ts'
import { contains } from './space/contains.ts'
import { roundHalfEven } from './space/quantum.ts'
import { allSpaces, type ParameterSketch, spaceOf } from './testing/spaces.ts'

function draws(sketch: { type: ParameterSketch['type'] } & Record<string, unknown>, count = 4000): number[] {
  const [parameter] = spaceOf({ ...sketch, name: 'p', type: sketch.type }).parameters
  const rng = rngFor(11, 0, 'sample')
  return Array.from({ length: count }, () => sampleParameter(parameter!, rng) as number)
}

const share = (values: readonly number[], holds: (value: number) => boolean) =>
  values.filter(holds).length / values.length

test('every config lies in its space, whatever the parameters and conditions', () => {
  fc.assert(
    fc.property(allSpaces, fc.nat(), (space, seed) => {
      expect(contains(space, sampleConfig(parentsFirst(space), rngFor(seed, 0)))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

describe('floats', () => {
  test('are uniform on the scale they name', () => {
    expect(share(draws({ type: 'float', min: 2, max: 4 }), (x) => x < 3)).toBeCloseTo(0.5, 1)
    const log = draws({ type: 'float', min: 1e-5, max: 1e-1, scale: 'log' })
    expect(share(log, (x) => x < 1e-3)).toBeCloseTo(0.5, 1)
    expect(share(log, (x) => x < 1e-4)).toBeCloseTo(0.25, 1)
    const inverse = draws({ type: 'float', min: 1e-5, max: 1e-1, scale: 'inverse-log' })
    expect(share(inverse, (x) => x < 1e-3)).toBeCloseTo(0.5, 1)
    expect(inverse.every((x) => x >= 1e-5 && x <= 1e-1)).toBe(true)
  })

  test('round to steps half to even and are not clipped, as in W&B', () => {
    const values = draws({ type: 'float', min: 1, max: 10, quantum: { q: 4, integer: true } })
    expect(new Set(values)).toEqual(new Set([0, 4, 8, 12].filter((x) => values.includes(x))))
    expect(new Set(values)).toEqual(new Set([0, 4, 8]))
    expect(
      draws({ type: 'float', min: -0.4, max: -0.1, quantum: { q: 1, integer: true } }).every((x) => Object.is(x, 0)),
    ).toBe(true)
    expect([0.5, 1.5, 2.5, -0.5, -1.5].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2])
  })

  test('whose bounds are as far apart as doubles go stay finite', () => {
    const values = draws({ type: 'float', min: -Number.MAX_VALUE, max: Number.MAX_VALUE }, 200)
    expect(values.every(Number.isFinite)).toBe(true)
    expect(share(values, (x) => x < 0)).toBeGreaterThan(0.3)
  })

  test('on a log scale from 0 say what to do', () => {
    expect(() => draws({ type: 'float', min: 0, max: 1, scale: 'log' })).toThrow(/p.min is 0, .* above 0/)
    expect(() => draws({ type: 'int', min: 0, max: 9, scale: 'log' })).toThrow(/p.min is 0, .* above 0/)
  })
})

describe('integers', () => {
  test('include both ends', () => {
    const values = draws({ type: 'int', min: 3, max: 5 })
    expect([3, 4, 5].map((x) => Math.round(share(values, (y) => y === x) * 10))).toEqual([3, 3, 3])
  })

  test('on a log scale give each octave the same share', () => {
    const values = draws({ type: 'int', min: 1, max: 1023, scale: 'log' })
    expect(share(values, (x) => x < 32)).toBeCloseTo(0.55, 1)
    expect(new Set(values).has(1)).toBe(true)
    expect(values.every((x) => Number.isInteger(x) && x >= 1 && x <= 1023)).toBe(true)
  })
})

test('choices follow their probabilities, any JSON value among them', () => {
  const [parameter] = spaceOf({
    name: 'c',
    type: 'choice',
    values: [null, [1], 'x', 0],
    probabilities: [0.1, 0.6, 0, 0.3],
  }).parameters
  const rng = rngFor(1, 1)
  const seen = Array.from({ length: 4000 }, () => JSON.stringify(sampleParameter(parameter!, rng)))
  const shares = ['null', '[1]', '"x"', '0'].map((text) => seen.filter((other) => other === text).length / 4000)
  for (const [index, expected] of [0.1, 0.6, 0, 0.3].entries())
    expect(Math.abs(shares[index]! - expected)).toBeLessThan(0.03)
})

test('normals have their mean and spread, and log-normals stay finite', () => {
  const values = draws({ type: 'normal', mu: 5, sigma: 2 })
  expect(values.reduce((sum, x) => sum + x, 0) / values.length).toBeCloseTo(5, 0)
  expect(share(values, (x) => Math.abs(x - 5) < 2)).toBeCloseTo(0.68, 1)
  expect(share(draws({ type: 'normal', mu: 1, sigma: 1, scale: 'log' }), (x) => x < Math.E)).toBeCloseTo(0.5, 1)
  expect(draws({ type: 'normal', mu: 0, sigma: 5000, scale: 'log' }, 200).every(Number.isFinite)).toBe(true)
})

describe('conditions', () => {
  const space = spaceOf(
    { name: 'beta2', type: 'float', min: 0.9, max: 0.999, when: { optimizer: ['adam'], nesterov: [false] } },
    { name: 'nesterov', type: 'choice', values: [true, false], when: { optimizer: ['adam', 'sgd'] } },
    { name: 'optimizer', type: 'choice', values: ['adam', 'sgd', 'none'] },
  )

  test('hold down a chain, with parents after their children in the document', () => {
    const seen = new Set<string>()
    for (let draw = 0; draw < 200; draw += 1) {
      const config = sampleConfig(parentsFirst(space), rngFor(3, draw))
      seen.add(`${config['optimizer']} ${config['nesterov']} ${'beta2' in config}`)
    }
    expect([...seen].sort()).toEqual([
      'adam false true',
      'adam true false',
      'none undefined false',
      'sgd false false',
      'sgd true false',
    ])
  })

  test('that lead back to themselves, or to nothing, are an error that names them', () => {
    const circle = spaceOf(
      { name: 'a', type: 'choice', values: [1], when: { b: [1] } },
      { name: 'b', type: 'choice', values: [1], when: { a: [1] } },
    )
    expect(() => parentsFirst(circle)).toThrow(/condition of a/)
    expect(() => parentsFirst(spaceOf({ name: 'a', type: 'constant', value: 1, when: { c: [1] } }))).toThrow(
      /c, which is no/,
    )
  })
})
