import type { RetentionRound, RetentionStep, RetentionView } from '@sweep/spec/wire/tracking/retention'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import type { Column } from '../output.ts'
import { resolveProject } from '../resolve-project.ts'

const POLL_MS = 500
/** Experiments that are named in a warning. */
const MOST_NAMED = 5

const STEPS: readonly Column<RetentionStep>[] = [
  { name: 'action', value: (step) => step.action },
  { name: 'run', value: (step) => step.runId },
  { name: 'name', value: (step) => step.name, flexible: true, minWidth: 8 },
  { name: 'experiment', value: (step) => step.experiment, flexible: true, minWidth: 10 },
  { name: 'since', value: (step) => step.since },
  { name: 'points', value: (step) => step.points, align: 'right' },
]
const ROUNDS: readonly Column<RetentionRound>[] = [
  { name: 'started', value: (round) => round.startedAt },
  { name: 'ended', value: (round) => round.endedAt },
  { name: 'archived', value: (round) => round.archivedRuns, align: 'right' },
  { name: 'thinned', value: (round) => round.thinnedRuns, align: 'right' },
  { name: 'points_before', value: (round) => round.pointsBefore, align: 'right' },
  { name: 'points_after', value: (round) => round.pointsAfter, align: 'right' },
  { name: 'purged', value: (round) => round.purgedRuns, align: 'right' },
  { name: 'files', value: (round) => round.purgedFiles, align: 'right' },
  { name: 'bytes', value: (round) => round.purgedBytes, align: 'right', wide: true },
]

export const command: Command = {
  async run(context, args, options) {
    if (options.flag('apply') && options.flag('dryRun')) {
      throw usageError('--dry-run changes nothing, and --apply does.', 'Choose one of them.')
    }
    const client = await context.client()
    const { id, name } = await resolveProject(client, args[0] ?? '')
    if (options.flag('history')) {
      const { rounds } = await client.projects.retention(id, { limit: 0 })
      await context.printRows(rounds, ROUNDS, (round) => round.startedAt)
      if (rounds.length === 0) context.say(`The policy of ${name} has done nothing yet.`)
      return undefined
    }
    const plan = await client.projects.retention(id, { limit: options.whole('limit', 0) ?? 50 })
    if (!options.flag('apply')) {
      await context.printRows(plan.steps, STEPS, (step) => step.runId, plan)
      sayPlan(context, name, plan)
      return undefined
    }
    sayPlan(context, name, plan)
    if (
      total(plan) > 0 &&
      !(await context.confirm('Points that are dropped and runs that are purged are gone. Do it?'))
    ) {
      return 1
    }
    let view = await client.projects.applyRetention(id)
    // Every state is stored, so the server may even be started again meanwhile.
    while (view.isAsked) {
      await context.process.sleep(POLL_MS)
      view = await client.projects.retention(id, { limit: 0 })
    }
    const newest = view.rounds.slice(0, total(plan) > 0 ? 1 : 0)
    await context.printRows(newest, ROUNDS, (round) => round.startedAt)
    return undefined
  },
}

function total({ due }: RetentionView): number {
  return due.archivedRuns + due.thinnedRuns + due.purgedRuns
}

function sayPlan(context: CliContext, name: string, plan: RetentionView): void {
  const { policy, due, unjudged } = plan
  const { archive, points, deleted } = policy
  if ([archive.afterDays, points.wholeDays, deleted.purgeAfterDays].every((days) => days === undefined)) {
    context.say(`Project ${name} has no policy: everything stays. Set one with \`sweep project policy ${name}\`.`)
    return
  }
  const counts = `${due.archivedRuns} to archive, ${due.thinnedRuns} to thin out, ${due.purgedRuns} to purge`
  context.say(total(plan) === 0 ? 'Nothing is due.' : `Runs: ${counts}.`)
  if (unjudged.length === 0) return
  const names = unjudged.slice(0, MOST_NAMED).map(({ experiment }) => experiment)
  const more = unjudged.length > MOST_NAMED ? ` and ${unjudged.length - MOST_NAMED} more` : ''
  context.warn(
    `nothing says which runs of ${names.join(', ')}${more} are the best, which are to be kept, so all of them are; ` +
      `set their metric, or one for all with \`sweep project policy ${name} --min METRIC\``,
  )
}
