import { setTimeout as sleep } from 'node:timers/promises'

const FIRST_MS = 100
const LONGEST_MS = 5000

/** Waits between tries: longer each time up to 5 s, and jittered so that many agents don't come back at once. */
export class Backoff {
  #tries = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  reset(): void {
    this.#tries = 0
  }

  /** Milliseconds to wait now; each call means another failure. */
  next(): number {
    const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries)
    this.#tries = Math.min(this.#tries + 1, 10)
    return most * (0.5 + this.#random() / 2)
  }

  /** Waits; returns at once when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    await sleep(this.next(), undefined, { signal }).catch(() => undefined)
  }
}
