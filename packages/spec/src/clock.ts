/** Wall-clock time, passed in so that tests can hold it still. Durations that decide a lease come from Postgres, not here. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number
}

/** Random bytes, passed in so that ids and tokens can be made predictable in tests. */
export type RandomBytes = (count: number) => Uint8Array
