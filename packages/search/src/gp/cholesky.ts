/**
 * The lower triangle of a symmetric matrix, or a triangular one: row i has the i + 1 entries up to the diagonal. Rows of
 * their own keep every inner loop below on neighbouring numbers, and a matrix grows by pushing a row.
 */
export type Triangle = readonly Float64Array[]

export function triangle(size: number): Triangle {
  return Array.from({ length: size }, (_, i) => new Float64Array(i + 1))
}

/** The sum of a[k] b[k] from `from` to before `to`; four sums side by side, which the processor can overlap. */
function dot(a: Float64Array, b: Float64Array, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let k = from
  for (; k + 3 < to; k += 4) {
    s0 += a[k]! * b[k]!
    s1 += a[k + 1]! * b[k + 1]!
    s2 += a[k + 2]! * b[k + 2]!
    s3 += a[k + 3]! * b[k + 3]!
  }
  for (; k < to; k += 1) s0 += a[k]! * b[k]!
  return s0 + s1 + (s2 + s3)
}

/**
 * Turns the last row of a matrix, whose rows before it are factored already, into that of its Cholesky factor L, with
 * A = L L^T. False where the matrix is not positive definite to the precision of doubles; the row is then spoilt.
 */
export function factorRow(rows: Triangle, i: number): boolean {
  const row = rows[i]!
  for (let j = 0; j < i; j += 1) {
    const other = rows[j]!
    row[j] = (row[j]! - dot(row, other, 0, j)) / other[j]!
  }
  const rest = row[i]! - dot(row, row, 0, i)
  // Below it, what is left is rounding. NaN fails too.
  if (!(rest > row[i]! * 1e-14)) return false
  row[i] = Math.sqrt(rest)
  return true
}

/** Overwrites a symmetric matrix with its Cholesky factor; false as for `factorRow`. */
export function factor(rows: Triangle): boolean {
  for (let i = 0; i < rows.length; i += 1) if (!factorRow(rows, i)) return false
  return true
}

/** Overwrites b with the solution of L x = b. */
export function solveLower(factored: Triangle, b: Float64Array): void {
  for (let i = 0; i < factored.length; i += 1) {
    const row = factored[i]!
    b[i] = (b[i]! - dot(row, b, 0, i)) / row[i]!
  }
}

/** Overwrites b with the solution of L^T x = b. */
export function solveUpper(factored: Triangle, b: Float64Array): void {
  for (let i = factored.length - 1; i >= 0; i -= 1) {
    const row = factored[i]!
    const x = b[i]! / row[i]!
    b[i] = x
    for (let k = 0; k < i; k += 1) b[k]! -= row[k]! * x
  }
}

/** Writes the lower triangle of A^-1 = (L L^T)^-1 into `inverse`. */
export function invert(factored: Triangle, inverse: Triangle): void {
  const n = factored.length
  // Column i of L^-1, from its diagonal on.
  const columns = Array.from({ length: n }, (_, i) => {
    const column = new Float64Array(n)
    column[i] = 1 / factored[i]![i]!
    for (let j = i + 1; j < n; j += 1) column[j] = -dot(factored[j]!, column, i, j) / factored[j]![j]!
    return column
  })
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) inverse[i]![j] = dot(columns[i]!, columns[j]!, i, n)
  }
}
