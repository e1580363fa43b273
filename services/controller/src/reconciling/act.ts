import { BY_PRUNER } from '@sweep/search/pruner'
import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import { cancelQueued } from '@sweep/store/attempts'
import { notify } from '@sweep/store/listen'
import { resumeTrials } from '@sweep/store/paused-trials'
import { endSweep, noteNoMoreTrials, setWaiting, stopSweep } from '@sweep/store/sweep-control'
import { createTrials } from '@sweep/store/trials'
import type { ControllerContext } from '../context.ts'
import type { Action } from '../planning/view.ts'
import { carryOutStops } from './advance.ts'
import type { OwnedSweep } from './owned-sweep.ts'
import { addTickets } from './tickets.ts'

/** A reason for waiting is stored once it has held for this long, or every trial would leave one behind. */
const WAITING_HOLDS_MS = 2000

/**
 * Carries out one action. Returns whether it left new facts behind.
 *
 * @throws SweepError `fenced` when the sweep has another owner
 */
export async function act(context: ControllerContext, sweep: OwnedSweep, action: Action): Promise<boolean> {
  const { database, log } = context
  const { id: sweepId, ownerEpoch } = sweep
  switch (action.kind) {
    case 'resume-trials':
      return await resume(context, sweep, action.count)
    case 'create-trials':
      return await issueTrials(context, sweep, action.count)
    case 'note-no-more-trials': {
      const noted = await noteNoMoreTrials(database, sweepId, ownerEpoch, action.reason, sweep.fold.foldedSeq)
      if (noted) await notify(database, 'sweep_changed', [sweepId])
      return true
    }
    case 'ask-stop': {
      const verdict = { reason: action.reason }
      const stops = action.trials.map((trial) => ({ trial, reason: action.stop, verdict }))
      await carryOutStops(context, sweep, 'controller', stops)
      return true
    }
    case 'cancel-queued':
      return (await cancelQueued(database, { sweepId, ownerEpoch, reason: action.reason })) > 0
    case 'stop-sweep': {
      const { result } = await stopSweep(database, sweepId, ownerEpoch, action.reason)
      if (result === 'not-owner') throw fenced(sweepId)
      if (result === 'stopping') {
        await notify(database, 'sweep_changed', [sweepId])
        log.info({ sweepId, reason: action.reason }, 'sweep stopped')
      }
      return true
    }
    case 'end-sweep': {
      const { result } = await endSweep(database, sweepId, ownerEpoch, action.reason)
      if (result === 'not-owner') throw fenced(sweepId)
      if (result !== 'ended') return true
      await notify(database, 'sweep_changed', [sweepId])
      log.info({ sweepId, reason: action.reason, trials: sweep.fold.trials.size }, 'sweep ended')
      return true
    }
    case 'set-waiting': {
      const now = context.clock.now()
      if (sweep.waitingSince?.reason !== action.reason) sweep.waitingSince = { reason: action.reason, at: now }
      if (now - sweep.waitingSince.at < WAITING_HOLDS_MS) return false
      const changed = await setWaiting(database, sweepId, ownerEpoch, action.reason, sweep.fold.foldedSeq)
      if (action.reason === null) sweep.fold.waiting = undefined
      if (changed) await notify(database, 'sweep_changed', [sweepId])
      return changed
    }
    default:
      return assertNever(action)
  }
}

/** Takes up the most promising of the paused trials that may go on, with the verdicts of this moment. */
async function resume(context: ControllerContext, sweep: OwnedSweep, count: number): Promise<boolean> {
  const resumes = sweep.resumable.slice(0, count)
  if (resumes.length === 0) return false
  context.crash('before-resume')
  const queued = await resumeTrials(context.database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: sweep.fold.foldedSeq,
    by: BY_PRUNER,
    resumes,
  })
  sweep.queued(queued)
  sweep.sharePass += queued.length / sweep.fold.limits.priority
  context.crash('after-resume-before-enqueue')
  await addTickets(context, queued)
  context.log.debug({ sweepId: sweep.id, resumed: queued.length }, 'trials resumed')
  return true
}

/** Asks the sampler for configs and stores them. The sampler, the fold and the draw alone decide what comes out. */
async function issueTrials(context: ControllerContext, sweep: OwnedSweep, count: number): Promise<boolean> {
  const askedAt = performance.now()
  const { suggestions, exhausted } = sweep.fold.sampler.ask(count)
  context.monitoring.suggested(sweep.fold.document.method, suggestions.length, (performance.now() - askedAt) / 1000)
  if (suggestions.length === 0) {
    sweep.isExhausted = exhausted
    return exhausted
  }
  context.crash('before-create')
  const { created, refused, result } = await createTrials(context.database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: sweep.fold.foldedSeq,
    trials: suggestions.map((suggestion) => ({ ...suggestion, source: 'sampler' })),
  })
  if (result === 'not-owner') throw fenced(sweep.id)
  // Otherwise the facts of what got in the way (a pause, a config that somebody enqueued) are on their way.
  if (result === 'done' && refused.length === 0) sweep.isExhausted = exhausted
  sweep.queued(created)
  sweep.sharePass += created.length / sweep.fold.limits.priority
  context.crash('after-create-before-enqueue')
  await addTickets(context, created)
  context.crash('after-enqueue')
  context.log.debug({ sweepId: sweep.id, created: created.length }, 'trials issued')
  return true
}

function fenced(sweepId: string): SweepError {
  return new SweepError('fenced', `sweep ${sweepId} is owned by another controller`, { retryable: false })
}
