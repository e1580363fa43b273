/** A symmetric matrix A as B diag(values) Bᵀ with orthonormal B. */
export interface Eigen {
  /** In no particular order. */
  readonly values: Float64Array
  /** Row by row; column j of B is the eigenvector of `values[j]`. */
  readonly vectors: Float64Array
}

/** Off-diagonal entries below this share of the diagonal ones beside them are rounding. */
const NEGLIGIBLE = 2 ** -52
/** Sweeps over all pairs; six to ten suffice, as convergence is quadratic at the end. */
const MOST_SWEEPS = 60

/**
 * Cyclic Jacobi rotations (Golub and Van Loan, "Matrix Computations", 4th edition, section 8.5): a few dozen parameters
 * make small matrices, and nothing but sums, products, quotients and square roots makes results the same everywhere.
 *
 * @param matrix symmetric, row by row; left as it is
 */
export function symmetricEigen(matrix: Float64Array, size: number): Eigen {
  const a = matrix.slice()
  const vectors = identity(size)
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
    let rotated = false
    for (let p = 0; p < size - 1; p += 1) {
      for (let q = p + 1; q < size; q += 1) {
        const off = a[p * size + q]!
        const app = a[p * size + p]!
        const aqq = a[q * size + q]!
        if (Math.abs(off) <= NEGLIGIBLE * Math.sqrt(Math.abs(app * aqq))) continue
        rotated = true
        // The smaller root of t² + 2τt - 1 = 0 is the tangent of the angle that makes the entry 0.
        const tau = (aqq - app) / (2 * off)
        const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
        const cosine = 1 / Math.sqrt(1 + t * t)
        rotate(a, vectors, size, p, q, cosine, t * cosine)
      }
    }
    if (!rotated) break
  }
  return { values: Float64Array.from({ length: size }, (_, i) => a[i * size + i]!), vectors }
}

/** a becomes Jᵀ a J and the vectors V J, with J the rotation in the plane of p and q. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < n; k += 1) {
    const kp = a[k * n + p]!
    const kq = a[k * n + q]!
    a[k * n + p] = c * kp - s * kq
    a[k * n + q] = s * kp + c * kq
    const vp = vectors[k * n + p]!
    const vq = vectors[k * n + q]!
    vectors[k * n + p] = c * vp - s * vq
    vectors[k * n + q] = s * vp + c * vq
  }
  for (let k = 0; k < n; k += 1) {
    const pk = a[p * n + k]!
    const qk = a[q * n + k]!
    a[p * n + k] = c * pk - s * qk
    a[q * n + k] = s * pk + c * qk
  }
  a[p * n + q] = 0
  a[q * n + p] = 0
}

export function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i += 1) matrix[i * size + i] = 1
  return matrix
}
