import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import type { SweepDefinition } from '@sweep/store/sweeps'
import type { AttemptTokens } from '../auth/attempt-tokens.ts'
import { trialSeed } from '../trials/trial-seed.ts'

/** Everything an agent needs to run what it has claimed. */
export function assignmentOf(claimed: ClaimedAttempt, sweep: SweepDefinition, tokens: AttemptTokens): Assignment {
  const { document } = sweep
  return {
    attemptId: claimed.attemptId,
    epoch: claimed.epoch,
    token: tokens.sign(claimed.attemptId, claimed.epoch),
    sweepId: claimed.sweepId,
    sweepName: sweep.name,
    trial: claimed.trial,
    attempt: claimed.attempt,
    seed: trialSeed(document.seed, claimed.trial),
    config: claimed.config,
    space: document.space,
    ...(document.program === undefined ? {} : { program: document.program }),
    command: document.command,
    workdir: sweep.workdir,
    env: document.env,
    shape: document.resources,
    capture: document.capture,
    ...(document.metric === undefined ? {} : { metric: document.metric.name }),
    ...(document.timeoutMs === undefined ? {} : { timeoutMs: document.timeoutMs }),
    graceMs: document.graceMs,
    ...(claimed.restore === null ? {} : { restore: claimed.restore.path }),
  }
}
