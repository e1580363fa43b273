import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import type { GateResult } from '@sweep/spec/models/gates'
import { GATED_STAGES, type ModelStage } from '@sweep/spec/models/stages'
import type { ModelHistoryEntry, ModelVersionMoved } from '@sweep/spec/wire/tracking/models'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT, usageError } from '../exit-codes.ts'
import { requireVersionName, splitModelName } from '../names.ts'
import type { Column } from '../output.ts'
import { ageText } from '../present.ts'
import { printVersion } from './model.ts'

const GATE_COLUMNS: readonly Column<GateResult>[] = [
  { name: 'passed', value: (result) => result.passed, show: (result) => (result.passed ? 'yes' : 'NO') },
  { name: 'gate', value: (result) => result.gate.kind },
  { name: 'value', value: (result) => result.value, align: 'right' },
  { name: 'threshold', value: (result) => result.threshold, align: 'right' },
  { name: 'message', value: (result) => result.message, flexible: true, minWidth: 20 },
]

export const promote: Command = {
  async run(context, args, options) {
    const { name, version } = requireVersionName(args[0] ?? '')
    const stage = readStage(args[1] ?? '')
    const reason = options.text('reason')
    const [force, dryRun] = [options.flag('force'), options.flag('dryRun')]
    if (force && reason === undefined) {
      throw usageError('--force needs a reason, which is kept with the promotion.', "Add --reason 'why'.")
    }
    const client = await context.client()
    const why = reason === undefined ? {} : { reason }
    const done = await client.models.move(name, version, { stage, force, dryRun, ...why })
    if (!dryRun) {
      await report(context, done)
      if (done.replaced !== null) context.say(`sweep model rollback ${done.version.model} takes that back.`)
      return undefined
    }
    await context.printRows(done.gates, GATE_COLUMNS, ({ gate }) => gate.kind, done)
    const hasFailed = done.gates.some(({ passed }) => !passed)
    const what = `Version ${done.version.version}`
    if (done.version.stage === stage) context.say(`${what} is in ${stage} already.`)
    else if (hasFailed) context.say(`${what} would not be promoted to ${stage}.`)
    else context.say(`${what} would be promoted to ${stage}${done.gates.length === 0 ? ', which has no gates' : ''}.`)
    return hasFailed ? EXIT.failed : EXIT.ok
  },
}

/** To a stage that has no gates. */
export function moveTo(stage: Exclude<ModelStage, 'staging' | 'production'>): Command {
  return {
    async run(context, args, options) {
      const { name, version } = requireVersionName(args[0] ?? '')
      const reason = options.text('reason')
      const client = await context.client()
      return report(
        context,
        await client.models.move(name, version, { stage, ...(reason === undefined ? {} : { reason }) }),
      )
    },
  }
}

export const rollBack: Command = {
  async run(context, args, options) {
    const { name } = splitModelName(args[0] ?? '')
    const reason = options.text('reason')
    const client = await context.client()
    // From what is in production now: of two people who do this at once, one goes back and the other is told.
    const { production } = (await client.models.get(name)).stages
    const from = production === null ? {} : { from: production }
    return report(context, await client.models.rollBack(name, { ...from, ...(reason === undefined ? {} : { reason }) }))
  },
}

async function report(context: CliContext, done: ModelVersionMoved): Promise<undefined> {
  const { version, moved, gates, replaced } = done
  await printVersion(context, version, done)
  for (const { message, passed } of gates) context.say(`${passed ? 'passed' : 'passed over'}: ${message}`)
  if (!moved) context.say(`Version ${version.version} was in ${version.stage} already.`)
  if (replaced !== null) context.say(`It takes the place of version ${replaced}.`)
  return undefined
}

function readStage(text: string): (typeof GATED_STAGES)[number] {
  const found = GATED_STAGES.find((stage) => stage === text)
  if (found !== undefined) return found
  const hint =
    didYouMeanHint(text, GATED_STAGES) ?? 'There are staging and production; `model archive` takes out of use.'
  throw usageError(`A version is not promoted to "${text}".`, hint)
}

const HISTORY_COLUMNS = (now: number): readonly Column<ModelHistoryEntry>[] => [
  { name: 'at', value: (entry) => entry.at, show: (entry) => `${ageText(entry.at, now)} ago`, align: 'right' },
  { name: 'version', value: (entry) => entry.version, align: 'right' },
  { name: 'what', value: (entry) => entry.kind, show: (entry) => `${entry.kind}${entry.forced ? ' (forced)' : ''}` },
  { name: 'from', value: (entry) => entry.from },
  { name: 'to', value: (entry) => entry.to },
  { name: 'by', value: (entry) => entry.by },
  { name: 'why', value: whyText, flexible: true, minWidth: 16 },
]

function whyText({ reason, gates }: ModelHistoryEntry): string {
  const failed = gates.filter(({ passed }) => !passed).map(({ message }) => message)
  return [reason, ...failed].filter((text) => text !== '').join('; ')
}

const PAGE = 1000

export const history: Command = {
  async run(context, args, options) {
    const { name, version } = splitModelName(args[0] ?? '')
    const limit = options.whole('limit') ?? 50
    const client = await context.client()
    const number = version === undefined ? undefined : await numberOf(version)
    const entries: ModelHistoryEntry[] = []
    let after: string | undefined
    do {
      const page = await client.models.history(name, {
        limit: Math.min(PAGE, limit - entries.length),
        after,
        version: number,
      })
      entries.push(...page.history)
      after = page.next ?? undefined
    } while (after !== undefined && entries.length < limit)
    const now = context.process.now()
    await context.printRows(entries, HISTORY_COLUMNS(now), (entry) => `${entry.version} ${entry.kind}`)
    if (after !== undefined) context.say(`Only the newest ${limit}; --limit shows more.`)
    return undefined

    async function numberOf(text: string): Promise<number> {
      // Also of one that was deleted.
      return /^\d{1,9}$/.test(text) ? Number(text) : (await client.models.version(name, text)).version
    }
  },
}
