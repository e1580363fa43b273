/**
 * A sorted map that never changes: `insert` and `remove` give a new one that shares all but a path with the old. Keys are
 * pairs of numbers, compared first by `a`, then by `b`. Every operation costs the logarithm of the size.
 *
 * Weight-balanced, after Adams 1993 ("Efficient sets - a balancing act") with the parameters (3, 2) that Hirai and
 * Yamamoto 2011 proved sound; a subtree's size makes rank and selection cheap.
 */
export type Tree<V> = TreeNode<V> | undefined

interface TreeNode<V> {
  readonly a: number
  readonly b: number
  readonly value: V
  readonly size: number
  readonly left: Tree<V>
  readonly right: Tree<V>
}

export interface Entry<V> {
  readonly a: number
  readonly b: number
  readonly value: V
}

const DELTA = 3
const RATIO = 2

export function treeSize<V>(tree: Tree<V>): number {
  return tree === undefined ? 0 : tree.size
}

export function find<V>(tree: Tree<V>, a: number, b = 0): V | undefined {
  let node = tree
  while (node !== undefined) {
    const order = compare(a, b, node)
    if (order === 0) return node.value
    node = order < 0 ? node.left : node.right
  }
  return undefined
}

/** Adds an entry, or replaces the value of the one with the same key. */
export function insert<V>(tree: Tree<V>, a: number, b: number, value: V): TreeNode<V> {
  if (tree === undefined) return { a, b, value, size: 1, left: undefined, right: undefined }
  const order = compare(a, b, tree)
  if (order === 0) return { a, b, value, size: tree.size, left: tree.left, right: tree.right }
  return order < 0
    ? balance(tree, insert(tree.left, a, b, value), tree.right)
    : balance(tree, tree.left, insert(tree.right, a, b, value))
}

/** The tree without the key; the same tree when it has no such key. */
export function remove<V>(tree: Tree<V>, a: number, b = 0): Tree<V> {
  if (tree === undefined) return undefined
  const order = compare(a, b, tree)
  if (order < 0) {
    const left = remove(tree.left, a, b)
    return left === tree.left ? tree : balance(tree, left, tree.right)
  }
  if (order > 0) {
    const right = remove(tree.right, a, b)
    return right === tree.right ? tree : balance(tree, tree.left, right)
  }
  if (tree.left === undefined) return tree.right
  if (tree.right === undefined) return tree.left
  const next = select(tree.right, 0)!
  return balance(next, tree.left, remove(tree.right, next.a, next.b))
}

/** How many entries come before the key, whether it is there or not. */
export function countBefore<V>(tree: Tree<V>, a: number, b = Number.NEGATIVE_INFINITY): number {
  let node = tree
  let count = 0
  while (node !== undefined) {
    if (compare(a, b, node) <= 0) {
      node = node.left
    } else {
      count += treeSize(node.left) + 1
      node = node.right
    }
  }
  return count
}

/** The entry with `index` others before it. */
export function select<V>(tree: Tree<V>, index: number): Entry<V> | undefined {
  let node = tree
  let left = index
  while (node !== undefined) {
    const before = treeSize(node.left)
    if (left === before) return node
    if (left < before) {
      node = node.left
    } else {
      left -= before + 1
      node = node.right
    }
  }
  return undefined
}

/** The entries in order, from `index` on. */
export function* entries<V>(tree: Tree<V>, index = 0): Generator<Entry<V>> {
  if (tree === undefined) return
  const before = treeSize(tree.left)
  if (index < before) yield* entries(tree.left, index)
  if (index <= before) yield tree
  yield* entries(tree.right, Math.max(0, index - before - 1))
}

function compare<V>(a: number, b: number, node: TreeNode<V>): number {
  if (a !== node.a) return a < node.a ? -1 : 1
  return b === node.b ? 0 : b < node.b ? -1 : 1
}

function balance<V>(entry: Entry<V>, left: Tree<V>, right: Tree<V>): TreeNode<V> {
  const leftWeight = treeSize(left) + 1
  const rightWeight = treeSize(right) + 1
  if (right !== undefined && rightWeight > DELTA * leftWeight) {
    if (treeSize(right.left) + 1 < RATIO * (treeSize(right.right) + 1)) {
      return join(right, join(entry, left, right.left), right.right)
    }
    const middle = right.left!
    return join(middle, join(entry, left, middle.left), join(right, middle.right, right.right))
  }
  if (left !== undefined && leftWeight > DELTA * rightWeight) {
    if (treeSize(left.right) + 1 < RATIO * (treeSize(left.left) + 1)) {
      return join(left, left.left, join(entry, left.right, right))
    }
    const middle = left.right!
    return join(middle, join(left, left.left, middle.left), join(entry, middle.right, right))
  }
  return join(entry, left, right)
}

function join<V>({ a, b, value }: Entry<V>, left: Tree<V>, right: Tree<V>): TreeNode<V> {
  return { a, b, value, size: treeSize(left) + treeSize(right) + 1, left, right }
}
