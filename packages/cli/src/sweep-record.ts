import { constraintsText, objectivesText } from '@sweep/spec/objectives'
import type { SweepView } from '@sweep/spec/wire/api'
import type { Cell } from './output.ts'
import { budgetText, configText, countsText, shortNumber } from './present.ts'

/** A sweep as lines of `name  value`. */
export function sweepFields(sweep: SweepView): (readonly [string, Cell])[] {
  const best = sweep.best
  // Of several objectives the first; which trials are best by all of them, `sweep best` tells.
  const metric = sweep.objectives === undefined ? '' : `${sweep.metric?.name} `
  return [
    ['id', sweep.id],
    ['name', sweep.name],
    ['project', sweep.project],
    ['state', sweep.state],
    ['reason', sweep.reason ?? undefined],
    ['method', sweep.method],
    ['metric', sweep.metric === null ? undefined : objectivesText(sweep.objectives ?? [sweep.metric])],
    ['constraints', sweep.constraints && constraintsText(sweep.constraints)],
    ['trials', countsText(sweep.trials)],
    ['best', best === null ? undefined : `${metric}${shortNumber(best.value)} by trial ${best.trial}`],
    ['config', best === null ? undefined : configText(best.config)],
    ['parallelism', sweep.parallelism ?? undefined],
    ['priority', sweep.priority],
    ['budget', budgetText(sweep.budget)],
    ['gpu_hours', sweep.gpuSeconds === 0 ? undefined : shortNumber(sweep.gpuSeconds / 3600)],
    ['created', sweep.createdAt],
    ['ended', sweep.endedAt ?? undefined],
  ]
}
