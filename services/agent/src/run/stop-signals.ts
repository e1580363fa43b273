import type { StopPlan } from './stop-plan.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The timers of one run: the signals that it is still to get, and its time limit. */
export class StopSignals {
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #send: (signal: 'SIGTERM' | 'SIGKILL') => void

  constructor(send: (signal: 'SIGTERM' | 'SIGKILL') => void) {
    this.#send = send
  }

  /** Takes the place of what was planned before. */
  plan({ termAfterMs, killAfterMs }: StopPlan): void {
    this.clear()
    this.after(termAfterMs, () => this.#send('SIGTERM'))
    this.after(killAfterMs, () => this.#send('SIGKILL'))
  }

  after(ms: number, act: () => void): void {
    if (ms <= 0) {
      act()
      return
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        act()
      },
      Math.min(ms, LONGEST_TIMER_MS),
    )
    this.#timers.add(timer)
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
