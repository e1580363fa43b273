import { shapeOf } from '@sweep/spec/queue-name'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import type { CheckpointCopy } from '@sweep/store/checkpoints'
import type { SweepDefinition } from '@sweep/store/sweeps'
import type { AttemptTokens } from '../auth/attempt-tokens.ts'
import { trialSeed } from '../trials/trial-seed.ts'

/** What the object store has to do with an attempt. */
export interface Copies {
  /** Of the checkpoint that it goes on from. */
  readonly restore: CheckpointCopy | undefined
  /** Of its own checkpoints there are to be some. */
  readonly areKept: boolean
}

/** Everything an agent needs to run what it has claimed. */
export function assignmentOf(
  claimed: ClaimedAttempt,
  sweep: SweepDefinition,
  copies: Copies,
  tokens: AttemptTokens,
): Assignment {
  const { document } = sweep
  return {
    attemptId: claimed.attemptId,
    epoch: claimed.epoch,
    token: tokens.sign(claimed.attemptId, claimed.epoch),
    sweepId: claimed.sweepId,
    sweepName: sweep.name,
    trial: claimed.trial,
    attempt: claimed.attempt,
    seed: trialSeed(document, claimed.trial, claimed.replicate),
    config: claimed.config,
    space: document.space,
    ...(document.program === undefined ? {} : { program: document.program }),
    command: document.command,
    workdir: sweep.workdir,
    code: sweep.code,
    launcher: document.launcher,
    ...(document.container === undefined ? {} : { container: document.container }),
    ...(document.kubernetes === undefined ? {} : { kubernetes: document.kubernetes }),
    env: document.env,
    shape: shapeOf(document),
    capture: document.capture,
    ...(document.metric === undefined ? {} : { metric: document.metric.name }),
    ...(document.timeoutMs === undefined ? {} : { timeoutMs: document.timeoutMs }),
    graceMs: document.graceMs,
    ...(claimed.restore === null ? {} : { restore: claimed.restore.path }),
    ...(copies.restore === undefined ? {} : { restoreCopy: copies.restore }),
    ...(copies.areKept ? { keepsCheckpoints: true } : {}),
  }
}
