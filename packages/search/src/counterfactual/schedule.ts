import { entries, insert, remove, type Tree } from '../persistent/tree.ts'
import { isBefore, nextStop, type Player } from './player.ts'
import type { TimedFact } from './recording.ts'

type Key = readonly [time: number, order: number]

/** Who comes next, by time; at the same time in the order of the record. Each player stands in it once at most. */
export class Schedule {
  #tree: Tree<Player | TimedFact> = undefined
  readonly #keys = new Map<Player, Key>()

  get isEmpty(): boolean {
    return this.#tree === undefined
  }

  /** Enters a player anew where what comes next for it has changed. */
  plan(player: Player): void {
    const known = this.#keys.get(player)
    if (known !== undefined) this.#tree = remove(this.#tree, ...known)
    const key = nextKey(player)
    if (key === undefined) this.#keys.delete(player)
    else {
      this.#keys.set(player, key)
      this.#tree = insert(this.#tree, ...key, player)
    }
  }

  /** A fact that is about no trial. */
  add(event: TimedFact): void {
    this.#tree = insert(this.#tree, event.time, event.fact.seq, event)
  }

  /** Takes the first one out. */
  take(): { readonly time: number; readonly next: Player | TimedFact } | undefined {
    const first = entries(this.#tree)[Symbol.iterator]().next()
    if (first.done === true) return undefined
    const { a, b, value } = first.value
    this.#tree = remove(this.#tree, a, b)
    if ('tape' in value) this.#keys.delete(value)
    return { time: a, next: value }
  }
}

function nextKey({ mode, stop, tape, next, shift }: Player): Key | undefined {
  if (mode !== 'playing') return undefined
  const event = tape.events[next]
  const played: Key | undefined = event && [event.time + shift, event.fact.seq]
  if (stop === undefined) return played
  const stopped = nextStop(stop)
  return played === undefined || isBefore(stopped, played) ? stopped : played
}
