import type { Json } from '@sweep/spec/number'
import { type Parameter, SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'

/** A parameter as written by hand: `path` and what has a default may be left out. */
export type ParameterSketch = { readonly name: string; readonly type: Parameter['type'] } & Record<string, unknown>

export function spaceOf(...parameters: readonly ParameterSketch[]): SearchSpace {
  return SearchSpace.parse({ parameters: parameters.map((parameter) => ({ path: [parameter.name], ...parameter })) })
}

const NAMES = ['b', 'a', 'd', 'c', 'constructor', 'x.y']

type Kind = Omit<ParameterSketch, 'name'>

const choice: fc.Arbitrary<Kind> = fc
  .array(fc.constantFrom<Json>('x', 'y', 0, false, null, '', 1.5, [1, 2], { k: 1 }), { minLength: 1, maxLength: 4 })
  .map((values) => ({ type: 'choice', values }))
const int: fc.Arbitrary<Kind> = fc
  .record({ min: fc.integer({ min: 1, max: 20 }), width: fc.nat({ max: 4 }) })
  .map(({ min, width }) => ({ type: 'int', min, max: min + width }))
const stepped: fc.Arbitrary<Kind> = fc
  .record({
    min: fc.integer({ min: -3, max: 3 }),
    width: fc.integer({ min: 1, max: 3 }),
    q: fc.constantFrom(0.5, 1, 2),
  })
  .map(({ min, width, q }) => ({ type: 'float', min, max: min + width, quantum: { q, integer: Number.isInteger(q) } }))
const constant: fc.Arbitrary<Kind> = fc.constant({ type: 'constant', value: { deep: [1, null] } })
const log: fc.Arbitrary<Kind> = fc
  .constantFrom('linear', 'log', 'inverse-log')
  .map((scale) => ({ type: 'float', min: 1e-6, max: 3, scale }))
const weighted: fc.Arbitrary<Kind> = fc.constant({
  type: 'choice',
  values: ['p', 'q', 'r'],
  probabilities: [0.5, 0, 0.5],
})
const normal: fc.Arbitrary<Kind> = fc
  .constantFrom('linear', 'log')
  .map((scale) => ({ type: 'normal', mu: 1, sigma: 2, scale, quantum: { q: 0.25, integer: false } }))
const beta: fc.Arbitrary<Kind> = fc.constant({ type: 'beta', a: 0.5, b: 2 })
const logInt: fc.Arbitrary<Kind> = fc.constant({ type: 'int', min: 1, max: 4096, scale: 'log' })

/** Up to six parameters, some active only for some values of another one that may stand before or after them. */
function spacesOf(kinds: fc.Arbitrary<Kind>): fc.Arbitrary<SearchSpace> {
  return fc
    .array(
      fc.record({ kind: kinds, parent: fc.nat(), picks: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 2 }) }),
      {
        minLength: 1,
        maxLength: NAMES.length,
      },
    )
    .chain((sketches) =>
      fc.record({
        sketches: fc.constant(sketches),
        order: fc.shuffledSubarray([...sketches.keys()], { minLength: sketches.length }),
        conditional: fc.array(fc.boolean(), { minLength: sketches.length, maxLength: sketches.length }),
      }),
    )
    .map(({ sketches, order, conditional }) => {
      const parameters = sketches.map(({ kind, parent, picks }, index) => {
        const of = index === 0 ? undefined : parent % index
        const values = of === undefined ? undefined : valuesOf(sketches[of]!.kind)
        const when =
          conditional[index] && of !== undefined && values !== undefined
            ? { [NAMES[of]!]: picks.map((pick) => values[pick % values.length]!) }
            : undefined
        return { ...kind, name: NAMES[index]!, type: kind.type as Parameter['type'], ...(when && { when }) }
      })
      return spaceOf(...order.map((index) => parameters[index]!))
    })
}

function valuesOf(kind: Kind): readonly Json[] | undefined {
  if (kind.type === 'choice') return kind['values'] as Json[]
  if (kind.type === 'int') return [kind['min'] as number, kind['max'] as number]
  return undefined
}

/** Spaces with finitely many configs, all of which a grid accepts. */
export const gridSpaces = spacesOf(fc.oneof(choice, int, stepped, constant))

/** Spaces of every kind of parameter. */
export const allSpaces = spacesOf(fc.oneof(choice, int, stepped, constant, log, weighted, normal, beta, logInt))
