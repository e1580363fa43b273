/** Work that is asked for more often than it need be done. */
export interface Coalesced {
  /** Runs the work now, or once more when it is running: what was asked for during a run may have come too late for it. */
  trigger(): void
  /** Resolves when nothing runs; `trigger` does nothing from then on. */
  stop(): Promise<void>
}

/** @param work must not throw */
export function coalesced(work: () => Promise<void>): Coalesced {
  let running: Promise<void> | undefined
  let again = false
  let stopped = false

  async function run(): Promise<void> {
    do {
      again = false
      await work()
    } while (again && !stopped)
    running = undefined
  }

  return {
    trigger() {
      if (stopped) return
      if (running) again = true
      else running = run()
    },
    async stop() {
      stopped = true
      await running
    },
  }
}
