import type { SweepDetail, SweepEventData } from '@sweep/spec/wire/api'
import type { Confirmation, ConfirmSweep } from '@sweep/spec/wire/confirmation'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { configText, intervalText, shortNumber, trialTotal, varyingConfig } from '../present.ts'
import { sweepFields } from '../sweep-record.ts'
import { type Follower, followSweep, watchSweep } from '../watch/watch-sweep.ts'

/** Told of the end of every run of few, and of every so many of more. */
const MOST_LINES = 20

export const command: Command = {
  async run(context, args, options) {
    const body: ConfirmSweep = {
      ...ifGiven('top', options.whole('top')),
      ...ifGiven('seeds', options.whole('seeds')),
      ...ifGiven('metric', options.text('metric')),
      ...ifGiven('goal', options.text('goal') as ConfirmSweep['goal']),
    }
    const client = await context.client()
    const asked = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    // Of runs that were begun before: what was interrupted goes on.
    if (asked.document.confirms !== undefined) return await tellOutcome(context, asked)
    const { sweep, warnings } = await client.confirmSweep(asked.id, body)
    const made = await client.getSweep(sweep.id)
    const trials = made.document.confirms?.trials ?? []
    const count = trialTotal(made.trials)
    context.say(
      `Sweep ${made.id} runs ${trials.length === 1 ? 'trial' : 'trials'} ${trials.join(', ')} of ${asked.name} again: ${count} runs, judged by ${made.metric?.name}.`,
    )
    for (const { message } of warnings) context.warn(message)
    if (options.flag('detach')) {
      await context.printRecord(sweep, sweepFields(sweep), sweep.id)
      return EXIT.ok
    }
    return await tellOutcome(context, made)
  },
}

function ifGiven<Name extends string, Value>(name: Name, value: Value | undefined): { [name in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [name in Name]: Value })
}

async function tellOutcome(context: CliContext, sweep: SweepDetail): Promise<number> {
  if (sweep.endedAt === null && !(await waitForRuns(context, sweep))) {
    context.say(`\nThe runs go on.\n  wait again  sweep confirm ${sweep.id}\n  end them    sweep cancel ${sweep.id}`)
    return EXIT.interrupted
  }
  const found = await (await context.client()).confirmation(sweep.id)
  await printConfirmation(context, found, sweep)
  return found.configs.some(({ runs }) => runs > 0) ? EXIT.ok : EXIT.noGoodTrial
}

/** False when Ctrl-C ended the waiting. */
async function waitForRuns(context: CliContext, sweep: SweepDetail): Promise<boolean> {
  if (context.isInteractive) return !(await watchSweep(context, sweep.id)).isDetached
  const interrupted = context.process.interrupted()
  try {
    await followSweep(context, sweep.id, interrupted, new Progress(context, trialTotal(sweep.trials)))
    return true
  } catch (error) {
    if (interrupted.aborted) return false
    throw error
  }
}

class Progress implements Follower {
  lastSeq = 0
  #ended = 0
  readonly #context: CliContext
  readonly #total: number
  readonly #every: number

  constructor(context: CliContext, total: number) {
    this.#context = context
    this.#total = total
    this.#every = Math.max(1, Math.ceil(total / MOST_LINES))
  }

  onEvent(event: SweepEventData): void {
    if (event.type === 'sweep') return
    const { seq, body } = event.fact
    if (seq <= this.lastSeq) return
    this.lastSeq = seq
    if (typeof body !== 'object' || body === null || !('kind' in body) || body.kind !== 'trial-ended') return
    this.#ended += 1
    if (this.#ended % this.#every === 0 || this.#ended === this.#total) {
      this.#context.say(`${this.#ended} of ${this.#total} runs have ended`)
    }
  }

  onAway(awayMs: number | undefined): void {
    if (awayMs === undefined) this.#context.say('The server answers again.')
  }
}

async function printConfirmation(context: CliContext, found: Confirmation, { document }: SweepDetail): Promise<void> {
  await context.printRows(
    found.configs,
    [
      { name: 'trial', value: (row) => row.trial, align: 'right' },
      {
        name: 'recorded',
        value: (row) => row.recorded as number | null,
        show: (row) => shortNumber(row.recorded),
        align: 'right',
      },
      { name: found.metric.name, value: (row) => row.mean, show: intervalText, align: 'right' },
      { name: 'low', value: (row) => row.low, wide: true },
      { name: 'high', value: (row) => row.high, wide: true },
      {
        name: 'deviation',
        value: (row) => row.deviation,
        show: (row) => shortNumber(row.deviation),
        align: 'right',
        wide: true,
      },
      { name: 'runs', value: (row) => row.runs, align: 'right' },
      { name: 'group', value: (row) => row.group },
      {
        name: 'config',
        value: (row) => configText(row.config, String),
        show: (row) => configText(varyingConfig(row.config, document.space)),
        flexible: true,
        minWidth: 12,
      },
    ],
    (row) => `${found.of}-${row.trial}`,
    found,
  )
  context.say(found.text)
  if (found.comparisons.length > 0) {
    context.say(
      "Means with 95 % intervals (Student's t). Configs that share a letter do not differ significantly (paired t-test over the seeds, Holm, 5 %).",
    )
  }
  for (const warning of found.warnings) context.warn(warning)
}
