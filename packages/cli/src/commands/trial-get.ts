import { formatDuration } from '@sweep/spec/units'
import type { AttemptView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { resolveTrial } from '../names.ts'
import type { Column } from '../output.ts'
import { trialFields } from '../trial-record.ts'

const ATTEMPT_COLUMNS: readonly Column<AttemptView>[] = [
  { name: 'attempt', value: (attempt) => attempt.number, align: 'right' },
  { name: 'state', value: (attempt) => attempt.state },
  { name: 'cause', value: (attempt) => attempt.cause },
  { name: 'exit', value: (attempt) => attempt.signal ?? attempt.exitCode, align: 'right' },
  {
    name: 'seconds',
    value: (attempt) => attempt.seconds,
    show: (attempt) => (attempt.seconds === null ? '-' : formatDuration(attempt.seconds * 1000)),
    align: 'right',
  },
  { name: 'agent', value: (attempt) => attempt.agent },
  { name: 'message', value: (attempt) => attempt.message, flexible: true, minWidth: 12 },
  { name: 'folder', value: (attempt) => attempt.runDir, wide: true },
]

export const command: Command = {
  async run(context, args) {
    const client = await context.client()
    const { sweepId, number } = await resolveTrial(context, client, args)
    const trial = await client.getTrial(sweepId, number)
    const metrics = trial.metricNames.length === 0 ? undefined : trial.metricNames.join(', ')
    const health = trial.findings?.filter(({ clearedAt }) => clearedAt === null) ?? []
    const folder = trial.attemptList.at(-1)?.runDir ?? undefined
    const fields = [
      ...trialFields(trial),
      ['metrics', metrics] as const,
      ['folder', folder] as const,
      ...health.map(({ rule, message }) => ['health', `${rule}: ${message}`] as const),
    ]
    await context.printRecord(trial, fields, trial.id)
    for (const { rule, advice } of health) context.say(`${rule}: ${advice}`)
    const isForPeople = !context.isMachineReadable && context.process.stdout.isTTY === true
    if (isForPeople && trial.attemptList.length > 0) {
      context.write('\n')
      await context.printRows(trial.attemptList, ATTEMPT_COLUMNS, (attempt) => attempt.id)
    }
    return undefined
  },
}
