import { emptyMetrics, type Metrics } from '@sweep/monitoring/registry'
import type { Cause } from '@sweep/spec/attempt'
import { Counter, Gauge } from 'prom-client'
import type { SlotTable } from './slots/slot-table.ts'

/** What an agent counts of its own work. */
export class AgentMonitoring {
  readonly #ended: Counter<'cause'>

  /** @param running how many programs run now */
  constructor(slots: SlotTable, running: () => number, metrics: Metrics = emptyMetrics()) {
    const registers = [metrics]
    new Gauge({
      name: 'sweep_agent_slots',
      help: 'Slots of this agent.',
      labelNames: ['state'],
      registers,
      collect(): void {
        const free = slots.room.slots
        this.set({ state: 'free' }, free)
        this.set({ state: 'used' }, slots.slots.length - free)
      },
    })
    new Gauge({
      name: 'sweep_agent_attempts_running',
      help: 'Attempts whose program runs now.',
      registers,
      collect(): void {
        this.set(running())
      },
    })
    this.#ended = new Counter({
      name: 'sweep_agent_attempts_ended',
      help: 'Attempts that ended here, by cause.',
      labelNames: ['cause'],
      registers,
    })
  }

  ended(cause: Cause): void {
    this.#ended.inc({ cause })
  }
}
