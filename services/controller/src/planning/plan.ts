import { assertNever } from '@sweep/spec/assert-never'
import { admissions } from './admission.ts'
import { whyNoneFits } from './capacity.ts'
import type { Action, OwnView, SweepView, View } from './view.ts'

/**
 * What to do now about the sweeps that this controller owns. Pure: the same view gives the same actions. A stop that the
 * pruner decided is not among them; it can't wait for the pool to be looked at (see `reconciling/advance.ts`).
 */
export function plan(view: View): Action[] {
  const counts = admissions(view, wanted)
  return view.sweeps.flatMap((sweep) => (sweep.own ? planSweep(sweep, sweep.own, counts.get(sweep.id) ?? 0, view) : []))
}

/** How many trials the sweep would issue or resume if there were room. */
function wanted(sweep: SweepView): number {
  const { own } = sweep
  if (!own || sweep.state !== 'running' || own.tooManyFailed) return 0
  if (whyNoMore(own)) return resumable(own)
  const left = own.maxTrials === undefined ? Number.POSITIVE_INFINITY : own.maxTrials - own.created
  return resumable(own) + Math.min(left, own.places)
}

/** How many paused trials may go on; none once the sweep only waits for what runs. */
function resumable(own: OwnView): number {
  return (own.spent ?? own.targetReached) ? 0 : own.resumable
}

/** Why no further trial will be issued, or undefined while one may. */
function whyNoMore(own: OwnView): string | undefined {
  if (own.targetReached) return own.targetReached
  if (own.spent) return own.spent
  if (own.maxTrials !== undefined && own.created >= own.maxTrials)
    return `its budget of ${own.maxTrials} trials is used up`
  if (own.exhausted) {
    return own.places === 0 ? 'every member of its population has ended' : 'every config of its search space was tried'
  }
  return undefined
}

function planSweep(sweep: SweepView, own: OwnView, count: number, view: View): Action[] {
  const { id: sweepId, state } = sweep
  const isIdle = sweep.outstanding === 0 && own.settled
  switch (state) {
    case 'running': {
      // What was issued before it was known is withdrawn once the sweep is stopping.
      if (own.tooManyFailed) return [{ kind: 'stop-sweep', sweepId, reason: own.tooManyFailed }]
      const over = whyNoMore(own)
      const endsEarly = own.spent ?? own.targetReached
      const mayResume = resumable(own)
      // Trials put aside may still go on, so the sweep isn't over before it is known that none of them will.
      const mustNote = own.paused > 0 && !own.noMoreTrials && endsEarly === undefined
      if (over && isIdle && mayResume === 0 && !mustNote) return [{ kind: 'end-sweep', sweepId, reason: over }]
      const actions: Action[] = []
      if (own.spent && own.stoppable.length > 0) {
        actions.push({ kind: 'ask-stop', sweepId, trials: own.stoppable, stop: 'budget', reason: own.spent })
      }
      if (endsEarly && own.queued > 0) actions.push({ kind: 'cancel-queued', sweepId, reason: endsEarly })
      if (over && mustNote && mayResume === 0 && own.settled && own.queued === 0) {
        actions.push({ kind: 'note-no-more-trials', sweepId, reason: over })
      }
      const resumes = Math.min(count, mayResume)
      if (resumes > 0) actions.push({ kind: 'resume-trials', sweepId, count: resumes })
      if (count > resumes) actions.push({ kind: 'create-trials', sweepId, count: count - resumes })
      if (count > 0) return actions
      const why = over && mayResume === 0 ? whyIssuedOnly(sweep, own, view) : whyWaiting(sweep, own, view)
      return [...actions, ...waiting(sweep, own, why)]
    }
    case 'paused':
      return waiting(sweep, own, 'the sweep is paused')
    case 'stopping':
      if (isIdle) return [{ kind: 'end-sweep', sweepId, reason: own.tooManyFailed ?? 'stopped on request' }]
      return own.queued > 0 ? [{ kind: 'cancel-queued', sweepId, reason: 'the sweep was stopped' }] : []
    case 'cancelling': {
      if (isIdle) return [{ kind: 'end-sweep', sweepId, reason: 'cancelled on request' }]
      const actions: Action[] = []
      const reason = 'the sweep was cancelled'
      if (own.queued > 0) actions.push({ kind: 'cancel-queued', sweepId, reason })
      if (own.cancellable.length > 0) {
        actions.push({ kind: 'ask-stop', sweepId, trials: own.cancellable, stop: 'cancelled', reason })
      }
      return actions
    }
    case 'completed':
    case 'stopped':
    case 'cancelled':
      return []
    default:
      return assertNever(state)
  }
}

function waiting(sweep: SweepView, own: OwnView, reason: string | undefined): Action[] {
  return reason === own.waiting ? [] : [{ kind: 'set-waiting', sweepId: sweep.id, reason: reason ?? null }]
}

/** While the last trials run, only a budget is worth a word, as it may be raised, and that the last can run nowhere. */
function whyIssuedOnly(sweep: SweepView, own: OwnView, { agents }: View): string | undefined {
  if (!own.settled) return own.waiting
  const unfit = own.queued > 0 ? whyNoneFits(agents, sweep) : undefined
  if (unfit) return unfit
  return own.maxTrials !== undefined && own.created >= own.maxTrials
    ? `all ${own.maxTrials} trials of its budget are issued`
    : own.waiting
}

function whyWaiting(sweep: SweepView, own: OwnView, { agents }: View): string | undefined {
  if (!own.settled) return own.waiting
  const unfit = whyNoneFits(agents, sweep)
  if (unfit) return unfit
  // It makes use of what it may have: a busy sweep doesn't wait.
  if (sweep.outstanding > own.queued) return undefined
  if (sweep.parallelism !== undefined && sweep.outstanding >= sweep.parallelism) {
    return `at its parallelism of ${sweep.parallelism}`
  }
  return 'all slots that fit are taken'
}
