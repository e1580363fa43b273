import { BY_PRUNER, isResume } from '@sweep/search/pruner'
import type { AttemptId } from '@sweep/spec/ids'
import { loadFacts } from '@sweep/store/facts'
import { notify } from '@sweep/store/listen'
import { askStop, type StopRequest } from '@sweep/store/stops'
import type { ControllerContext } from '../context.ts'
import type { OwnedSweep } from './owned-sweep.ts'
import { addTicketsAgain } from './tickets.ts'

/** Facts per page of a replay: a few milliseconds of work between two looks at everything else. */
const PAGE = 2000

/**
 * Folds what is new, and carries out what the pruner decides right away: this is the way from a report to its stop, and
 * nothing slow may stand in it. Returns how many facts were new.
 *
 * @throws SweepError `fenced` when the sweep has another owner
 */
export async function advance(context: ControllerContext, sweep: OwnedSweep): Promise<number> {
  let folded = 0
  const due = new Set<AttemptId>()
  for (;;) {
    const facts = await loadFacts(context.database, sweep.id, sweep.fold.foldedSeq, PAGE)
    const batch = sweep.tell(facts)
    folded += batch.facts
    context.monitoring.factsFolded.inc(batch.facts)
    for (const id of batch.ticketsDue) due.add(id)
    // In the middle of a replay the pruner has seen only part of what it once decided on.
    if (facts.length === PAGE) continue
    const isFirst = !sweep.isCaughtUp
    sweep.isCaughtUp = true
    const stops = sweep.isOver ? [] : stopsDecided(sweep)
    if (stops.length > 0) {
      await carryOutStops(context, sweep, BY_PRUNER, stops)
      const newest = facts.at(-1)
      if (newest !== undefined) context.monitoring.decided((context.clock.now() - newest.at.getTime()) / 1000)
    }
    await addTicketsAgain(
      context,
      [...due].map((attemptId) => ({ attemptId, queueName: sweep.queueName })),
    )
    return isFirst ? Math.max(1, folded) : folded
  }
}

/** What the pruner wants stopped; what it would resume waits until there is room. */
function stopsDecided(sweep: OwnedSweep): StopRequest[] {
  const decisions = sweep.fold.pruner?.decide() ?? []
  return decisions
    .filter((decision) => !isResume(decision))
    .map(({ kind, trial, attempt, verdict }) => ({
      trial,
      attempt,
      reason: kind === 'pause' ? 'paused' : 'pruned',
      verdict,
    }))
}

/** Stores the stops, then tells the agents: a decision is durable before anybody acts on it. */
export async function carryOutStops(
  context: ControllerContext,
  sweep: OwnedSweep,
  by: string,
  stops: readonly StopRequest[],
): Promise<void> {
  context.crash('before-stop')
  const { id: sweepId, ownerEpoch } = sweep
  const results = await askStop(context.database, { sweepId, ownerEpoch, basis: sweep.fold.foldedSeq, by, stops })
  const agents = new Set(results.flatMap((result) => (result.result === 'asked' ? [result.agentId] : [])))
  context.crash('after-stop')
  if (agents.size > 0) await notify(context.database, 'attempt_stop', [...agents])
  context.log.debug({ sweepId, by, stops: results.length }, 'attempts asked to stop')
}
