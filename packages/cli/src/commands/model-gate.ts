import { METRIC_SUMMARIES } from '@sweep/spec/filter/filter'
import { ModelGate } from '@sweep/spec/models/gates'
import { GATED_STAGES } from '@sweep/spec/models/stages'
import type { ModelGateView } from '@sweep/spec/wire/tracking/models'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { splitModelName } from '../names.ts'
import type { Options } from '../options.ts'
import type { Column } from '../output.ts'

const COLUMNS: readonly Column<ModelGateView>[] = [
  { name: 'id', value: (gate) => gate.id, align: 'right' },
  { name: 'stage', value: (gate) => gate.stage },
  { name: 'gate', value: (gate) => gate.text, flexible: true, minWidth: 20 },
  { name: 'by', value: (gate) => gate.createdBy },
  { name: 'created', value: (gate) => gate.createdAt, wide: true },
]

export const list: Command = {
  async run(context, args) {
    const { name } = splitModelName(args[0] ?? '')
    await printGates(context, name)
    return undefined
  },
}

export const add: Command = {
  async run(context, args, options) {
    const { name } = splitModelName(args[0] ?? '')
    const gates = readGates(options)
    const removed = options.list('remove').map(readId)
    const stage = GATED_STAGES.find((known) => known === args[1])
    if (gates.length === 0 && removed.length === 0) {
      throw usageError('There is nothing to add or to remove.', 'Add for example --min acc=0.95, or --remove 4.')
    }
    if (gates.length > 0 && stage === undefined) {
      throw usageError(`Gates are those of staging or of production, not of "${args[1] ?? ''}".`)
    }
    const client = await context.client()
    for (const id of removed) await client.models.removeGate(name, id)
    for (const gate of gates) if (stage !== undefined) await client.models.addGate(name, { stage, gate })
    await printGates(context, name)
    return undefined
  },
}

async function printGates(context: CliContext, name: string): Promise<void> {
  const { gates } = await (await context.client()).models.gates(name)
  await context.printRows(gates, COLUMNS, (gate) => String(gate.id))
  if (gates.length === 0) context.say('It has no gates: every version may be promoted.')
}

function readGates(options: Options): ModelGate[] {
  const summary = METRIC_SUMMARIES.find((known) => known === options.text('summary')) ?? 'last'
  const goal = options.flag('lower') ? 'minimize' : 'maximize'
  const gates: object[] = []
  for (const [option, bound] of [
    ['min', 'min'],
    ['max', 'max'],
  ] as const) {
    for (const text of options.list(option)) {
      const { metric, value } = readBound(text, option)
      gates.push({ kind: 'metric', metric, summary, [bound]: value })
    }
  }
  for (const text of options.list('better')) gates.push({ kind: 'improvement', goal, summary, ...readBetter(text) })
  if (options.flag('completed')) gates.push({ kind: 'completed' })
  if (!options.notDenied('warnings')) gates.push({ kind: 'health', severity: 'warning' })
  else if (options.flag('healthy')) gates.push({ kind: 'health' })
  for (const text of options.list('tag')) {
    const at = text.indexOf('=')
    gates.push({ kind: 'tag', ...(at === -1 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) }) })
  }
  if (options.flag('staged')) gates.push({ kind: 'staged' })
  for (const what of options.list('recorded')) gates.push({ kind: 'recorded', what })
  return gates.map((gate) => {
    const read = ModelGate.safeParse(gate)
    if (read.success) return read.data
    const [issue] = read.error.issues
    throw usageError(`${JSON.stringify(gate)} is no gate: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
  })
}

/** `acc=0.95`; a name may have an equals sign in it. */
function readBound(text: string, option: string): { metric: string; value: number } {
  const at = text.lastIndexOf('=')
  const [metric, number] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
  const value = Number(number)
  if (metric === '' || number.trim() === '' || !Number.isFinite(value)) {
    throw usageError(
      `--${option} takes a metric and a number, not "${text}".`,
      `Write for example --${option} acc=0.95.`,
    )
  }
  return { metric, value }
}

/** `acc`, `acc=0.01` or `acc=2%`. */
function readBetter(text: string): { metric: string; by: number; relative: boolean } {
  if (!text.includes('=')) return { metric: text, by: 0, relative: false }
  const relative = text.endsWith('%')
  const { metric, value } = readBound(relative ? text.slice(0, -1) : text, 'better')
  // 2 % is 0.02, not 0.020000000000000004.
  return { metric, by: relative ? Number((value / 100).toPrecision(15)) : value, relative }
}

function readId(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text)
  throw usageError(`"${text}" is no number of a gate.`, '`sweep model gates NAME` lists them.')
}
