import type { Gate } from './lattice.ts'

/**
 * How many points a lattice has. Parameters without conditions multiply; those that conditions tie together are counted
 * by going through them parents first, remembering only which later ones are shut out already. The values of a parent
 * that open the same gates are counted together, so that a million integers with one condition are two cases.
 *
 * @param sizes number of values by position
 * @param gates the conditions of the parameter at each position
 * @param order all positions, parents first
 */
export function latticeSize(
  sizes: readonly number[],
  gates: readonly (readonly Gate[])[],
  order: readonly number[],
): number {
  let size = 1
  for (const group of groups(gates, order)) size *= groupSize(group, sizes, gates)
  return size
}

function groupSize(order: readonly number[], sizes: readonly number[], gates: readonly (readonly Gate[])[]): number {
  const known = new Map<string, number>()
  const count = (at: number, shut: ReadonlySet<number>): number => {
    if (at === order.length) return 1
    const key = `${at}:${[...shut].sort((a, b) => a - b).join(',')}`
    const before = known.get(key)
    if (before !== undefined) return before
    const position = order[at]!
    const later = new Set(shut)
    later.delete(position)
    const children = order.slice(at + 1).filter((child) => gates[child]!.some((gate) => gate.position === position))
    let total = 0
    if (shut.has(position)) {
      total = count(at + 1, new Set([...later, ...children]))
    } else {
      for (const { closed, values } of cases(position, sizes[position]!, children, gates)) {
        total += values * count(at + 1, new Set([...later, ...closed]))
      }
    }
    known.set(key, total)
    return total
  }
  return count(0, new Set())
}

/** The values of a parent, by which children they shut out. */
function cases(position: number, size: number, children: readonly number[], gates: readonly (readonly Gate[])[]) {
  const gateOf = (child: number) => gates[child]!.find((gate) => gate.position === position)!
  const named = new Set(children.flatMap((child) => gateOf(child).ascending))
  const byClosed = new Map<string, { closed: readonly number[]; values: number }>()
  const add = (closed: readonly number[], values: number) => {
    const found = byClosed.get(closed.join(','))
    if (found === undefined) byClosed.set(closed.join(','), { closed, values })
    else found.values += values
  }
  for (const index of named)
    add(
      children.filter((child) => !gateOf(child).allowed.has(index)),
      1,
    )
  if (size > named.size) add(children, size - named.size)
  return byClosed.values()
}

/** The positions split into groups that no condition connects, each parents first. */
function groups(gates: readonly (readonly Gate[])[], order: readonly number[]): readonly (readonly number[])[] {
  const leader = gates.map((_, position) => position)
  const find = (position: number): number => {
    while (leader[position] !== position) {
      leader[position] = leader[leader[position]!]!
      position = leader[position]!
    }
    return position
  }
  for (const [position, own] of gates.entries()) for (const gate of own) leader[find(position)] = find(gate.position)
  const byLeader = new Map<number, number[]>()
  for (const position of order) {
    const group = byLeader.get(find(position))
    if (group === undefined) byLeader.set(find(position), [position])
    else group.push(position)
  }
  return [...byLeader.values()]
}
