import fc from 'fast-check'

/** Up to thirty vectors of losses, all of one length up to `most`; whole numbers, so that many are equal or tie. */
export function vectors(most: number): fc.Arbitrary<number[][]> {
  return fc
    .integer({ min: 1, max: most })
    .chain((length) =>
      fc.array(fc.array(fc.integer({ min: 0, max: 7 }), { minLength: length, maxLength: length }), { maxLength: 30 }),
    )
}
