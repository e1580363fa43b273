import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Client } from '@sweep/client/client'
import { learns, type SweepDocument, trainsPopulation } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { type Fact, FactBody } from '@sweep/spec/facts'
import type { SweepDetail } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import {
  KILLED_COLUMNS,
  killedRows,
  limitsOf,
  outcomeColumns,
  outcomeRows,
  savedOf,
  usesGpus,
} from '../counterfactual/outcome-rows.ts'
import type { NamedPruner } from '../counterfactual/read-pruners.ts'
import { EXIT, usageError } from '../exit-codes.ts'
import { loadFacts } from '../load-facts.ts'
import { resolveSweep } from '../names.ts'
import type { Options } from '../options.ts'
import { jsonText } from '../output.ts'

// The one place where the command reaches past the client: replaying needs the algorithms themselves. They are pure, and
// loaded only where they are used.
export const command: Command = {
  async run(context, args, options) {
    const pruners = options.list('earlyTerminate')
    const files = options.list('earlyTerminateFile')
    const isCounterfactual = pruners.length + files.length > 0
    const methods = options.list('method')
    const top = options.whole('top')
    if (top !== undefined && !isCounterfactual) {
      throw usageError('--top says how many good trials to look for.', 'It goes with --early-terminate.')
    }
    if (methods.length > 0 && isCounterfactual) {
      throw usageError("--method and --early-terminate can't be combined.", 'Ask for one, then for the other.')
    }
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    if (methods.length > 0) return lookUp(context, client, sweep, methods)
    if (!isCounterfactual) return checkReplay(context, client, sweep)
    return compare(
      context,
      sweep,
      await readPruners(context, sweep.document, options),
      top ?? 5,
      await factsOf(client, sweep),
    )
  },
}

async function factsOf(client: Client, sweep: SweepDetail): Promise<Fact[]> {
  const facts: Fact[] = []
  for await (const page of loadFacts(client, sweep.id)) {
    facts.push(...page.map((fact) => ({ ...FactBody.parse(fact.body), seq: fact.seq, at: new Date(fact.at) })))
  }
  return facts
}

async function checkReplay(context: CliContext, client: Client, sweep: SweepDetail): Promise<number> {
  const facts = await factsOf(client, sweep)
  const { replay } = await import('@sweep/search/replay')
  const result = replay(sweep.document, facts)
  const isSame = result.differences.length === 0
  await context.printRecord(
    { sweep: sweep.id, same: isSame, ...result },
    [
      ['sweep', sweep.id],
      ['facts', result.facts],
      ['suggestions', result.suggestions],
      ['decisions', result.decisions],
      ['differences', result.differences.length],
    ],
    sweep.id,
  )
  for (const { seq, expected, got } of result.differences.slice(0, 10)) {
    context.warn(`fact ${seq} says ${jsonText(got)}, but the facts before it give ${jsonText(expected)}`)
  }
  if (isSame) context.say('The facts give the same suggestions and decisions again.')
  return isSame ? EXIT.ok : EXIT.failed
}

/** How often each method is run: one run may be lucky. */
const LOOKUP_SEEDS = 10

async function lookUp(
  context: CliContext,
  client: Client,
  sweep: SweepDetail,
  names: readonly string[],
): Promise<number> {
  const { LOOKUP_COLUMNS, lookupLimits, lookupMethod, lookupRows } = await import('../counterfactual/lookup-rows.ts')
  const methods = [...new Set(names)].map(lookupMethod)
  const { document } = sweep
  if (document.metric === undefined)
    throw usageError('The sweep names no metric, so no method can learn from its trials.')
  if (trainsPopulation(document.method)) {
    throw usageError(
      `The trials of ${document.method} go on from each other's checkpoints, so their order can't be changed.`,
    )
  }
  const { lookup } = await import('@sweep/search/counterfactual/lookup')
  const found = lookup(document, await factsOf(client, sweep), methods, LOOKUP_SEEDS)
  const rows = lookupRows(found, methods)
  const limits = lookupLimits(found, LOOKUP_SEEDS, document.method)
  const { trials, leftOut } = found
  const data = {
    sweep: sweep.id,
    metric: document.metric.name,
    trials,
    leftOut,
    seeds: LOOKUP_SEEDS,
    orders: rows,
    limits,
  }
  await context.printRows(rows, LOOKUP_COLUMNS, (row) => row.name, data)
  for (const limit of limits) context.say(limit)
  return EXIT.ok
}

/** @throws SweepError `invalid-request` for a sweep that can't be played under another pruner, or a pruner that is none */
async function readPruners(context: CliContext, document: SweepDocument, options: Options): Promise<NamedPruner[]> {
  if (document.metric === undefined) {
    throw usageError('The sweep names no metric, so no pruner can judge its trials.')
  }
  if (trainsPopulation(document.method)) {
    throw usageError(
      `The trials of ${document.method} go on from each other's checkpoints: had one been stopped elsewhere, those after it would not be what was recorded.`,
      'Other pruners can be played over the sweeps of all other methods.',
    )
  }
  const { readPruner, readPrunerFile, usualPruners } = await import('../counterfactual/read-pruners.ts')
  const named = options
    .list('earlyTerminate')
    .flatMap((text) => (text === '' ? usualPruners(document) : [readPruner(text, document)]))
  for (const file of options.list('earlyTerminateFile')) {
    const text =
      file === '-'
        ? await context.process.readStdin()
        : await readFile(resolve(context.process.cwd, file), 'utf8').catch(cantRead(file))
    named.push(readPrunerFile(text, file === '-' ? 'stdin' : file, document))
  }
  return named
}

function cantRead(file: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') throw new SweepError('not-found', `There is no file ${file}.`, { hint: 'Check the name.' })
    throw usageError(`${file} ${code === 'EISDIR' ? 'is a folder' : `can't be read (${code})`}.`, 'Name a YAML file.')
  }
}

async function compare(
  context: CliContext,
  { id, document }: SweepDetail,
  pruners: readonly NamedPruner[],
  top: number,
  facts: readonly Fact[],
): Promise<number> {
  const { counterfactual } = await import('@sweep/search/counterfactual/counterfactual')
  const { prunerText } = await import('../counterfactual/read-pruners.ts')
  const found = counterfactual(
    document,
    facts,
    pruners.map(({ earlyTerminate }) => earlyTerminate),
    top,
  )
  const names = pruners.map(({ name }) => name)
  const rows = outcomeRows(found, names)
  const limits = limitsOf(found, rows, learns(document.method))
  const isGpu = usesGpus(found)
  const data = {
    sweep: id,
    metric: document.metric?.name,
    recorded: prunerText(document.earlyTerminate),
    top: found.top,
    fullReports: found.fullReports,
    outcomes: rows.map((row) => {
      const [savedAtMost, savedAtLeast] = savedOf(found, row, isGpu)
      return { ...row, savedAtMost, savedAtLeast }
    }),
    limits,
  }
  await context.printRows(rows, outcomeColumns(found), (row) => row.name, data)
  const killed = killedRows(rows)
  if (!context.isMachineReadable && context.process.stdout.isTTY === true && killed.length > 0) {
    context.write('\n')
    await context.printRows(killed, KILLED_COLUMNS, (row) => row.name)
  }
  context.say(`As it was: early_terminate ${prunerText(document.earlyTerminate)}.`)
  for (const limit of limits) context.say(limit)
  return EXIT.ok
}
