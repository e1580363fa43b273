/**
 * A set of keys that only grows, as a value: `withKey` gives a new set, and the old one still does not have the key.
 * All sets of one history share one map from key to the place where it was added, so adding costs the same at any size.
 */
export interface KeySet {
  readonly size: number
  has(key: string): boolean
  withKey(key: string): KeySet
}

export const noKeys: KeySet = setOf(new Map(), 0)

function setOf(places: Map<string, number>, size: number): KeySet {
  const has = (key: string) => {
    const place = places.get(key)
    return place !== undefined && place < size
  }
  const withKey = (key: string) => {
    if (has(key)) return set
    // A map that has grown since, or the shared empty one, belongs to another history: take what is ours of it.
    const own = size > 0 && places.size === size ? places : new Map([...places].filter(([, place]) => place < size))
    own.set(key, size)
    return setOf(own, size + 1)
  }
  const set: KeySet = { size, has, withKey }
  return set
}
