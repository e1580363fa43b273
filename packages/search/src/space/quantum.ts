import type { Quantum } from '@sweep/spec/search-space'

/** The nearest integer, halves to the even one, as Python's and numpy's `round`; `Math.round` takes halves up. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest < 0.5) return below
  if (rest > 0.5) return below + 1
  return below % 2 === 0 ? below : below + 1
}

/** W&B's q_ distributions: round(x / q) * q, not clipped to the bounds, an integer when q is one. */
export function quantise(x: number, { q, integer }: Quantum): number {
  const steps = roundHalfEven(x / q) * q
  if (!Number.isFinite(steps)) return x
  // Adding 0 turns -0, which prints and hashes unlike 0 elsewhere, into 0.
  return (integer ? Math.round(steps) : steps) + 0
}
