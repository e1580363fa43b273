/** Points that are kept as they came: the first, which say where a run began, and the newest. */
const FIRST = 20
const NEWEST = 220
/** Groups that the points in between are kept as. */
const MOST_GROUPS = 240

/**
 * The points of a metric, however many there are, in bounded memory: the first and the newest as they came, those in
 * between as the means of equally many neighbours. Of such a group the last step and time stand, and the mean of its
 * finite values.
 */
export class ThinnedSeries {
  readonly steps: number[] = []
  /** Milliseconds since 1970. */
  readonly times: number[] = []
  readonly values: number[] = []
  /** Groups stand from `FIRST` to here; the newest points after them. */
  #groupsEnd = FIRST
  #groupSize = 1
  /** Points that are in the last group. */
  #inLast = 0

  add(step: number, at: number, value: number): void {
    this.steps.push(step)
    this.times.push(at)
    this.values.push(value)
    if (this.values.length > this.#groupsEnd + NEWEST) this.#group()
  }

  /** Forgets what was logged at `step` and later: the run has gone back there. */
  cutFrom(step: number): void {
    const keep = this.steps.findIndex((known) => known >= step)
    if (keep === -1) return
    for (const list of [this.steps, this.times, this.values]) list.length = keep
    if (keep >= this.#groupsEnd) return
    this.#groupsEnd = Math.max(FIRST, keep)
    this.#inLast = this.#groupSize
  }

  /** Makes the oldest of the newest points part of the groups. */
  #group(): void {
    const at = this.#groupsEnd
    if (this.#inLast === this.#groupSize || at === FIRST) {
      this.#groupsEnd += 1
      this.#inLast = 1
      if (this.#groupsEnd - FIRST === MOST_GROUPS) this.#halve()
      return
    }
    this.#merge(at - 1, at, at - 1, 1 / (this.#inLast + 1))
    for (const list of [this.steps, this.times, this.values]) list.splice(at, 1)
    this.#inLast += 1
  }

  #halve(): void {
    let kept = FIRST
    for (let at = FIRST; at < this.#groupsEnd; at += 2) {
      this.#merge(at, at + 1, kept, 0.5)
      kept += 1
    }
    for (const list of [this.steps, this.times, this.values]) list.splice(kept, this.#groupsEnd - kept)
    this.#groupsEnd = kept
    this.#inLast += this.#groupSize
    this.#groupSize *= 2
  }

  /** Puts two neighbours at `into`, the newer one with a `share` in the mean. */
  #merge(older: number, newer: number, into: number, share: number): void {
    const { steps, times, values } = this
    const [a = Number.NaN, b = Number.NaN] = [values[older], values[newer]]
    steps[into] = steps[newer] ?? 0
    times[into] = times[newer] ?? 0
    if (!Number.isFinite(a)) values[into] = b
    else values[into] = Number.isFinite(b) ? a * (1 - share) + b * share : a
  }
}
