import type { Held, SlotTable } from './slot-table.ts'

/**
 * The slots of one attempt. They are offered again once nothing of it lives and the server has taken its end: before
 * that, it would count more attempts here than there are slots.
 */
export class SlotHold {
  readonly held: Held
  readonly #table: SlotTable
  readonly #onFree: () => void
  #isCleared = false
  #isOver = false

  constructor(held: Held, table: SlotTable, onFree: () => void) {
    this.held = held
    this.#table = table
    this.#onFree = onFree
  }

  get isCleared(): boolean {
    return this.#isCleared
  }

  /** Nothing of the attempt lives any more. */
  cleared(): void {
    this.#isCleared = true
    this.#freeWhenDone()
  }

  /** The server knows how it ended, or does not want to. */
  over(): void {
    this.#isOver = true
    this.#freeWhenDone()
  }

  #freeWhenDone(): void {
    if (!this.#isCleared || !this.#isOver) return
    this.#table.release(this.held)
    this.#onFree()
  }
}
