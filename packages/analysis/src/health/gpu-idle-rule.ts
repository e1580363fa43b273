import { median, short } from './curve.ts'
import type { Rule } from './rule.ts'

const LOOKED_AT_MS = 600_000
/** Loading data and compiling take minutes in good runs too. */
const LEAST_MS = 300_000
const LEAST_SAMPLES = 10
const IDLE_PERCENT = 5
/** Share of the samples that must be idle: one evaluation in between makes no busy GPU. */
const LEAST_IDLE = 0.9

/** A GPU that the run was given has had nothing to do for five minutes and more, by the samples of the agent. */
export const gpuIdleRule: Rule = {
  name: 'gpu_idle',
  judge({ series }) {
    return series.flatMap(({ name, role, times, values }) => {
      if (role.kind !== 'gpu') return []
      const now = times.at(-1) ?? 0
      const from = times.findIndex((at) => at >= now - LOOKED_AT_MS)
      const recent = values.slice(from).filter(Number.isFinite)
      const longMs = now - (times[from] ?? now)
      const idle = recent.filter((percent) => percent < IDLE_PERCENT).length
      if (recent.length < LEAST_SAMPLES || longMs < LEAST_MS || idle < LEAST_IDLE * recent.length) return []
      const minutes = Math.floor(longMs / 60_000)
      return [
        {
          metric: name,
          severity: 'warning',
          message: `${name.slice('system/'.length).replace('_percent', '')} is idle: below ${IDLE_PERCENT} % in ${idle} of ${recent.length} samples of the last ${minutes} minutes`,
          advice:
            'Check that the program moves its model and data to the GPU (and to all GPUs it asks for), that a process does not hang, ' +
            'and that data are read by enough workers. If it needs no GPU, set resources.gpus: 0.',
          step: null,
          since: null,
          evidence: { idle, samples: recent.length, minutes, percent: Number(short(median(recent))) },
        },
      ]
    })
  },
}
