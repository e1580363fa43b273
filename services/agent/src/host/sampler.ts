import { totalmem } from 'node:os'
import type { Usage } from '@sweep/launchers/launcher'
import { type ProcessStat, readStat } from '@sweep/launchers/process/process-identity'
import { TaggedProcesses } from '@sweep/launchers/process/tagged-processes'
import type { Sample } from '@sweep/spec/wire/agent-protocol'
import type { QueryGpus } from '../slots/gpus.ts'
import type { Held } from '../slots/slot-table.ts'

export const SAMPLE_EVERY_MS = 5000
/** Linux counts CPU time in hundredths of a second on every machine there is. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** An attempt, as far as the sampler is concerned. */
export interface Sampled {
  readonly id: string
  readonly held: Held
  /** What its place says that it uses; undefined where that is to be seen at the processes of this host. */
  usage(): Promise<Usage | undefined>
}

/**
 * What attempts use of the host: `cpu_percent` (100 is one core), `memory_bytes` (resident, shared pages counted by each
 * process), `memory_percent` of the host, and of each GPU `gpu<i>_percent` and `gpu<i>_memory_bytes`. A few milliseconds
 * for all attempts together; Linux only, except for the GPUs and for what a container engine says.
 */
export class Sampler {
  readonly #tagged = new TaggedProcesses()
  readonly #queryGpus: QueryGpus
  #before = new Map<string, { cpuSeconds: number; steadyMs: number }>()

  constructor(queryGpus: QueryGpus) {
    this.#queryGpus = queryGpus
  }

  /** @returns samples by attempt; without CPU use for an attempt that is seen for the first time */
  async sample(attempts: readonly Sampled[], times: { wall: number; steady: number }): Promise<Map<string, Sample>> {
    const uses = await this.#uses(attempts)
    const wantsGpus = attempts.some(({ held }) => held.slots.some((slot) => slot.gpu !== undefined))
    const gpus = wantsGpus ? await this.#gpuUse() : new Map<number, { percent: number; memoryBytes: number }>()
    const now = new Map<string, { cpuSeconds: number; steadyMs: number }>()
    const samples = new Map<string, Sample>()
    for (const { id, held } of attempts) {
      const values: Record<string, number> = {}
      const use = uses.get(id)
      if (use !== undefined) {
        const before = this.#before.get(id)
        now.set(id, { cpuSeconds: use.cpuSeconds, steadyMs: times.steady })
        if (before !== undefined && times.steady > before.steadyMs) {
          // A child that ended takes its time along, so a sum may be smaller than the last.
          const seconds = Math.max(0, use.cpuSeconds - before.cpuSeconds)
          values['cpu_percent'] = (100_000 * seconds) / (times.steady - before.steadyMs)
        }
        values['memory_bytes'] = use.memoryBytes
        values['memory_percent'] = (100 * values['memory_bytes']) / totalmem()
      }
      for (const { gpu } of held.slots) {
        const use = gpu === undefined ? undefined : gpus.get(gpu.index)
        if (gpu === undefined || use === undefined) continue
        values[`gpu${gpu.index}_percent`] = use.percent
        values[`gpu${gpu.index}_memory_bytes`] = use.memoryBytes
      }
      if (Object.keys(values).length > 0) samples.set(id, { at: times.wall, values })
    }
    this.#before = now
    return samples
  }

  async #uses(attempts: readonly Sampled[]): Promise<Map<string, Usage>> {
    const told = await Promise.all(attempts.map((attempt) => attempt.usage()))
    const pids = told.includes(undefined) ? this.#tagged.scan() : new Map<string, number[]>()
    const uses = new Map<string, Usage>()
    for (const [index, { id }] of attempts.entries()) {
      const use = told[index] ?? usageOf((pids.get(id) ?? []).flatMap((pid) => readStat(pid) ?? []))
      if (use !== undefined) uses.set(id, use)
    }
    return uses
  }

  async #gpuUse(): Promise<Map<number, { percent: number; memoryBytes: number }>> {
    const rows = await this.#queryGpus('index,utilization.gpu,memory.used')
    return new Map(
      rows.flatMap(([index, percent, mebibytes]) => {
        const numbers = [index, percent, mebibytes].map(Number)
        if (numbers.some((number) => !Number.isFinite(number))) return []
        const [i = 0, use = 0, memory = 0] = numbers
        return [[i, { percent: use, memoryBytes: memory * 1024 * 1024 }] as const]
      }),
    )
  }
}

function usageOf(stats: readonly ProcessStat[]): Usage | undefined {
  if (stats.length === 0) return undefined
  const ticks = stats.reduce((sum, stat) => sum + stat.cpuTicks, 0)
  const pages = stats.reduce((sum, stat) => sum + stat.residentPages, 0)
  return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryBytes: pages * PAGE_BYTES }
}
