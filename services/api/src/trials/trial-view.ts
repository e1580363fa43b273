import type { AttemptView, LeaderboardRow, TrialView } from '@sweep/spec/wire/api'
import type { AttemptRecord } from '@sweep/store/attempt-record'
import type { TrialRecord } from '@sweep/store/trial-record'

export function trialView(trial: TrialRecord): TrialView {
  return {
    id: trial.id,
    number: trial.number,
    state: trial.state,
    config: trial.config,
    source: trial.source,
    ...(trial.parent === null ? {} : { parent: trial.parent }),
    value: trial.value,
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

export function leaderboardRow(trial: TrialRecord & { readonly rank: number | null }): LeaderboardRow {
  return { ...trialView(trial), rank: trial.rank }
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
