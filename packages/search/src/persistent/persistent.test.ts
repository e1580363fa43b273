import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noKeys } from './key-set.ts'
import { emptyRanking, lossAt, rankingSize, rankOf, withoutTrial, withTrial } from './ranking.ts'
import { countBefore, entries, find, insert, remove, select, type Tree, treeSize } from './tree.ts'

const key = fc.tuple(fc.constantFrom(-1, 0, 0.5, 3, Number.POSITIVE_INFINITY), fc.nat({ max: 6 }))
const change = fc.record({ key, add: fc.boolean() })

function height(tree: Tree<unknown>): number {
  return tree === undefined ? 0 : 1 + Math.max(height(tree.left), height(tree.right))
}

test('a tree is a sorted list with a quicker way in, and older trees stay what they were', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      let tree: Tree<number>
      let model: { a: number; b: number; value: number }[] = []
      const versions: { tree: Tree<number>; model: typeof model }[] = []
      for (const [
        index,
        {
          key: [a, b],
          add,
        },
      ] of changes.entries()) {
        model = model.filter((entry) => entry.a !== a || entry.b !== b)
        if (add)
          model = [...model, { a, b, value: index }].sort((x, y) => (x.a === y.a ? x.b - y.b : x.a < y.a ? -1 : 1))
        tree = add ? insert(tree, a, b, index) : remove(tree, a, b)
        versions.push({ tree, model })
      }
      for (const version of versions) {
        const list = Array.from(entries(version.tree), ({ a, b, value }) => ({ a, b, value }))
        expect(list).toEqual(version.model)
        expect(treeSize(version.tree)).toBe(version.model.length)
      }
      for (const [index, { a, b, value }] of model.entries()) {
        expect(find(tree, a, b)).toBe(value)
        expect(countBefore(tree, a, b)).toBe(index)
        expect(select(tree, index)?.value).toBe(value)
        expect([...entries(tree, index)].length).toBe(model.length - index)
      }
      expect(select(tree, model.length)).toBeUndefined()
    }),
  )
})

test('a tree stays shallow however its keys come and go', () => {
  for (const order of ['up', 'down', 'scattered']) {
    let tree: Tree<number>
    for (let i = 0; i < 4096; i += 1) {
      const a = order === 'up' ? i : order === 'down' ? -i : (i * 2654435761) % 4096
      tree = insert(tree, a, 0, i)
    }
    expect(height(tree)).toBeLessThanOrEqual(24)
    for (let i = 0; i < 3000; i += 1) tree = remove(tree, select(tree, 0)!.a)
    expect(treeSize(tree)).toBe(1096)
    expect(height(tree)).toBeLessThanOrEqual(20)
  }
})

test('a ranking has each trial once, by loss and then by number', () => {
  let ranking = emptyRanking
  for (const [trial, loss] of [
    [3, 1],
    [1, 1],
    [2, 0],
    [1, 1],
    [2, Number.POSITIVE_INFINITY],
  ] as const) {
    ranking = withTrial(ranking, trial, loss)
  }
  expect([1, 3, 2].map((trial) => rankOf(ranking, trial))).toEqual([1, 2, 3])
  expect(rankingSize(ranking)).toBe(3)
  expect(lossAt(ranking, 2)).toBe(Number.POSITIVE_INFINITY)
  const without = withoutTrial(ranking, 1)
  expect([1, 3].map((trial) => rankOf(without, trial))).toEqual([undefined, 1])
  expect(rankOf(ranking, 1)).toBe(1)
})

test('a set has what was added to it, and not what was added to another one made from it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('a', 'b', 'c', 'd', 'e')), { maxLength: 60 }),
      (additions) => {
        const sets = [{ set: noKeys, model: new Set<string>() }]
        for (const [from, text] of additions) {
          const base = sets[from % sets.length]!
          sets.push({ set: base.set.withKey(text), model: new Set([...base.model, text]) })
        }
        for (const { set, model } of sets) {
          expect(set.size).toBe(model.size)
          for (const text of ['a', 'b', 'c', 'd', 'e']) expect(set.has(text)).toBe(model.has(text))
        }
      },
    ),
  )
})
