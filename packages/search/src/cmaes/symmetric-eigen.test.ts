import fc from 'fast-check'
import { expect, test } from 'vitest'
import { symmetricEigen } from './symmetric-eigen.ts'

const symmetric = fc.integer({ min: 1, max: 7 }).chain((size) =>
  fc
    .array(fc.oneof(fc.double({ noNaN: true, min: -1e3, max: 1e3 }), fc.constantFrom(0, 1, 1e-200)), {
      minLength: size * size,
      maxLength: size * size,
    })
    .map((entries) => {
      const matrix = Float64Array.from(entries, (_, at) => {
        const [row, column] = [Math.floor(at / size), at % size]
        return entries[Math.min(row, column) * size + Math.max(row, column)]!
      })
      return { size, matrix }
    }),
)

function expectDecomposed(matrix: Float64Array, size: number): Float64Array {
  const { values, vectors } = symmetricEigen(matrix, size)
  const largest = matrix.reduce((most, entry) => Math.max(most, Math.abs(entry)), 1)
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      let [entry, product] = [0, 0]
      for (let k = 0; k < size; k += 1) {
        entry += vectors[i * size + k]! * values[k]! * vectors[j * size + k]!
        product += vectors[k * size + i]! * vectors[k * size + j]!
      }
      expect(Math.abs(entry - matrix[i * size + j]!)).toBeLessThan(1e-12 * largest)
      expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-13)
    }
  }
  return values
}

test('B D Bᵀ is the matrix again, and B is orthonormal', () => {
  fc.assert(fc.property(symmetric, ({ matrix, size }) => void expectDecomposed(matrix, size)))
})

test('the eigenvalues of a matrix of second differences come out', () => {
  // 2 on the diagonal and -1 beside it: 2 - 2 cos(k pi / (n + 1)).
  const size = 30
  const matrix = Float64Array.from({ length: size * size }, (_, at) => {
    const distance = Math.abs(Math.floor(at / size) - (at % size))
    return distance === 0 ? 2 : distance === 1 ? -1 : 0
  })
  const values = expectDecomposed(matrix, size).sort()
  for (const [k, value] of values.entries())
    expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (size + 1)), 12)
})

test('the matrix is left as it is', () => {
  const matrix = Float64Array.of(2, 1, 1, 2)
  symmetricEigen(matrix, 2)
  expect([...matrix]).toEqual([2, 1, 1, 2])
})
