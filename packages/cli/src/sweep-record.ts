import { constraintsText, objectivesText } from '@sweep/spec/objectives'
import type { SweepView } from '@sweep/spec/wire/api'
import type { Cell } from './output.ts'
import { budgetText, configText, countsText, shortNumber } from './present.ts'

/** Where the best value comes from: a trial, or with several seeds a config the runs of one. */
export function bestOfText({ trial, runs }: Pick<NonNullable<SweepView['best']>, 'trial' | 'runs'>): string {
  return runs === undefined
    ? `by trial ${trial}`
    : `in the mean of ${runs} ${runs === 1 ? 'run' : 'runs'} of trial ${trial}'s config`
}

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
    ['best', best === null ? undefined : `${metric}${shortNumber(best.value)} ${bestOfText(best)}`],
    ['config', best === null ? undefined : configText(best.config)],
    ['parallelism', sweep.parallelism ?? undefined],
    ['priority', sweep.priority],
    ['budget', budgetText(sweep.budget)],
    ['gpu_hours', sweep.gpuSeconds === 0 ? undefined : shortNumber(sweep.gpuSeconds / 3600)],
    ['created', sweep.createdAt],
    ['ended', sweep.endedAt ?? undefined],
  ]
}
