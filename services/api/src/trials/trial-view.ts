import type { HealthRule } from '@sweep/spec/health'
import { type Aims, isFeasible } from '@sweep/spec/objectives'
import type { AttemptView, LeaderboardRow, TrialView } from '@sweep/spec/wire/api'
import type { AttemptRecord } from '@sweep/store/attempt-record'
import { valuesOf } from '@sweep/store/side-values'
import type { TrialRecord } from '@sweep/store/trial-record'
import type { RankedTrials } from './trial-leaderboard.ts'

export function trialView(trial: TrialRecord, aims: Aims): TrialView {
  const values = valuesOf(aims, trial.value, trial.sideValues)
  return {
    id: trial.id,
    number: trial.number,
    state: trial.state,
    config: trial.config,
    source: trial.source,
    ...(trial.parent === null ? {} : { parent: trial.parent }),
    value: trial.value,
    ...(values === undefined ? {} : { values: { ...values } }),
    ...(aims.constraints === undefined ? {} : { feasible: isFeasible(aims.constraints, values ?? {}) }),
    lastValue: trial.lastValue,
    lastStep: trial.lastStep,
    reports: trial.reports,
    attempts: trial.attempts,
    reason: trial.reason,
    cause: trial.cause,
    agent: trial.agent,
    createdAt: trial.createdAt.toISOString(),
    startedAt: trial.startedAt?.toISOString() ?? null,
    endedAt: trial.endedAt?.toISOString() ?? null,
  }
}

export function leaderboardRow(
  trial: RankedTrials['rows'][number],
  aims: Aims,
  health: readonly HealthRule[] = [],
): LeaderboardRow {
  const { rank, isOnFront } = trial
  return {
    ...trialView(trial, aims),
    rank,
    ...(isOnFront === undefined ? {} : { front: isOnFront }),
    ...(health.length === 0 ? {} : { health: [...health] }),
  }
}

export function attemptView(attempt: AttemptRecord): AttemptView {
  return {
    id: attempt.id,
    number: attempt.number,
    state: attempt.state,
    cause: attempt.cause,
    message: attempt.message,
    agent: attempt.agent,
    slots: [...attempt.slots],
    exitCode: attempt.exitCode,
    signal: attempt.signal,
    argv: attempt.argv === null ? null : [...attempt.argv],
    environment: { ...attempt.environment },
    runDir: attempt.runDir,
    gpuSeconds: attempt.gpuSeconds,
    seconds: attempt.seconds,
    queuedAt: attempt.queuedAt.toISOString(),
    startedAt: attempt.startedAt?.toISOString() ?? null,
    endedAt: attempt.endedAt?.toISOString() ?? null,
  }
}
