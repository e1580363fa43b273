import type { SweepView } from '@sweep/spec/wire/api'
import type { Cell } from './output.ts'
import { budgetText, configText, countsText, shortNumber } from './present.ts'

/** A sweep as lines of `name  value`. */
export function sweepFields(sweep: SweepView): (readonly [string, Cell])[] {
  const best = sweep.best
  return [
    ['id', sweep.id],
    ['name', sweep.name],
    ['project', sweep.project],
    ['state', sweep.state],
    ['reason', sweep.reason ?? undefined],
    ['method', sweep.method],
    ['metric', sweep.metric === null ? undefined : `${sweep.metric.goal} ${sweep.metric.name}`],
    ['trials', countsText(sweep.trials)],
    ['best', best === null ? undefined : `${shortNumber(best.value)} by trial ${best.trial}`],
    ['config', best === null ? undefined : configText(best.config)],
    ['parallelism', sweep.parallelism ?? undefined],
    ['priority', sweep.priority],
    ['budget', budgetText(sweep.budget)],
    ['gpu_hours', sweep.gpuSeconds === 0 ? undefined : shortNumber(sweep.gpuSeconds / 3600)],
    ['created', sweep.createdAt],
    ['ended', sweep.endedAt ?? undefined],
  ]
}
