import type { SearchSpace } from '@sweep/spec/search-space'
import { gridDomain } from '../space/domain.ts'
import { createLattice } from '../space/lattice.ts'

/**
 * How many configs `method: grid` issues; combinations that differ in inactive parameters alone count once. Exact up to
 * 2^53, past that as near as a double comes.
 *
 * @throws SweepError `invalid-document` when a parameter has no list of values
 */
export function gridSize(space: SearchSpace): number {
  return createLattice(space, gridDomain).size
}
