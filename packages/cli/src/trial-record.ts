import type { TrialView } from '@sweep/spec/wire/api'
import type { Cell } from './output.ts'
import { configText, valuesText } from './present.ts'

/** A trial as lines of `name  value`. */
export function trialFields(trial: TrialView): (readonly [string, Cell])[] {
  return [
    ['id', trial.id],
    ['number', trial.number],
    ['state', trial.state],
    ['cause', trial.cause ?? undefined],
    ['reason', trial.reason ?? undefined],
    ['config', configText(trial.config, String)],
    ['source', trial.source],
    ['parent', trial.parent],
    ['value', trial.value ?? undefined],
    ['values', trial.values && valuesText(trial.values, String)],
    ['feasible', trial.feasible],
    ['last', trial.lastValue === null ? undefined : `${trial.lastValue} at step ${trial.lastStep}`],
    ['reports', trial.reports],
    ['attempts', trial.attempts],
    ['agent', trial.agent ?? undefined],
    ['created', trial.createdAt],
    ['started', trial.startedAt ?? undefined],
    ['ended', trial.endedAt ?? undefined],
  ]
}
