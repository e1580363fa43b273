import { mkdir } from 'node:fs/promises'
import { lastLineOf } from '@sweep/launchers/last-line'
import { shellCommand } from '@sweep/spec/shell-words'
import type { MetricSeries } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT, usageError } from '../exit-codes.ts'
import { resolveTrial } from '../names.ts'
import type { Column } from '../output.ts'
import { shortNumber } from '../present.ts'
import { compareMetrics, isWithin, type MetricComparison } from '../reproduction/compare-metrics.ts'
import { fetchCode } from '../reproduction/plan-code.ts'
import { planRun, type RunPlan } from '../reproduction/plan-run.ts'
import { type ProgramEnd, runProgram } from '../reproduction/run-program.ts'
import { loadRunRecord, loadSeries, type RunRecord } from '../reproduction/run-record.ts'

/** Differing packages that are named for people; JSON has all. */
const MOST_NAMED = 12

export const command: Command = {
  async run(context, args, options) {
    const tolerance = options.text('tolerance') === '0' ? 0 : options.number('tolerance', 0)
    const client = await context.client()
    const { sweepId, number } = await resolveTrial(context, client, args)
    const record = await loadRunRecord(client, sweepId, number)
    const recorded = await loadSeries(client, record)
    const choice = { dir: options.text('dir'), inFolder: options.flag('inFolder') }
    const plan = await planRun(context, client, record, lastStepOf(recorded), choice)
    if (options.flag('dryRun')) {
      await printPlan(context, record, plan)
      return EXIT.ok
    }
    await mkdir(plan.dir, { recursive: true }).catch((error: Error) => {
      throw usageError(`${plan.dir} can't be made: ${error.message}`, 'Name another folder with --dir.')
    })
    context.say(`Taking ${plan.code.from} …`)
    await fetchCode(client, plan.code, { into: plan.codeFolder, inFolder: choice.inFolder, env: plan.inherited })
    context.say(`Running in ${plan.folder.path} …`)
    const end = await runAgain(context, record, plan)
    if (end.wasInterrupted) return EXIT.interrupted
    const isObjective = ({ name }: MetricComparison) => name === record.sweep.metric?.name
    const compared = compareMetrics(recorded, end.series)
    const metrics = [...compared.filter(isObjective), ...compared.filter((one) => !isObjective(one))]
    const objective = metrics.find(isObjective)
    await printResult(context, record, plan, end, metrics)
    return exitOf(context, record, plan, end, objective, tolerance)
  },
}

function lastStepOf(series: readonly MetricSeries[]): number | undefined {
  const steps = series.flatMap((one) => one.steps.slice(-1))
  return steps.length === 0 ? undefined : Math.max(...steps)
}

function runAgain(context: CliContext, { sweep, trial }: RunRecord, plan: RunPlan): Promise<ProgramEnd> {
  const { document } = sweep
  const { folder, argv, env, seed, attempt, stopAt, code } = plan
  folder.create({
    ...{
      sweepId: sweep.id,
      sweepName: sweep.name,
      trial: trial.number,
      attempt: attempt.number,
      attemptId: attempt.id,
    },
    ...{ seed, config: trial.config, space: document.space },
    ...(document.metric === undefined ? {} : { metric: document.metric.name }),
  })
  return runProgram({
    ...{ argv, cwd: code.folder, env, folder, capture: document.capture, stopAt, graceMs: document.graceMs },
    interrupted: context.process.interrupted(),
    onWarning: (message) => context.warn(message),
  })
}

async function printPlan(context: CliContext, record: RunRecord, plan: RunPlan): Promise<void> {
  const data = { ...planData(record, plan), dryRun: true }
  await context.printRecord(data, planFields(record, plan), nameOf(record))
  tellDifferences(context, plan)
}

async function printResult(
  context: CliContext,
  record: RunRecord,
  plan: RunPlan,
  end: ProgramEnd,
  metrics: readonly MetricComparison[],
): Promise<void> {
  const { code, signal, wasStopped } = end
  const data = { ...planData(record, plan), dryRun: false, exit: { code, signal, stopped: wasStopped }, metrics }
  await context.printRows(metrics, METRIC_COLUMNS, (row) => row.name, data)
  tellDifferences(context, plan)
}

function nameOf({ sweep, trial }: RunRecord): string {
  return `${sweep.id}/${trial.number}`
}

function planData(record: RunRecord, plan: RunPlan) {
  const { dir, code, argv, seed, stopAt, differences, limits } = plan
  return {
    ...{ trial: nameOf(record), attempt: plan.attempt.number, dir, code: code.from, folder: code.folder, argv, seed },
    ...{ config: record.trial.config, stopAt: stopAt ?? null, environment: differences, limits },
  }
}

function planFields(record: RunRecord, plan: RunPlan): (readonly [string, string | number | undefined])[] {
  return [
    ['trial', nameOf(record)],
    ['code', plan.code.from],
    ['runs in', plan.code.folder],
    ['command', shellCommand(plan.argv)],
    ['seed', plan.seed],
    ['run folder', plan.folder.path],
    ['stops', plan.stopAt === undefined ? 'at its end' : `after step ${plan.stopAt}, where its record ends`],
  ]
}

const METRIC_COLUMNS: readonly Column<MetricComparison>[] = [
  { name: 'metric', value: (row) => row.name, flexible: true, minWidth: 8 },
  { name: 'steps', value: (row) => row.steps, align: 'right' },
  { name: 'same', value: (row) => row.identical, align: 'right' },
  { name: 'missing', value: (row) => row.missing, align: 'right', wide: true },
  { name: 'extra', value: (row) => row.extra, align: 'right', wide: true },
  { name: 'at', value: (row) => row.last?.step, align: 'right' },
  {
    name: 'recorded',
    value: (row) => row.last?.recorded,
    show: (row) => shortNumber(row.last?.recorded ?? null),
    align: 'right',
  },
  { name: 'here', value: (row) => row.last?.here, show: (row) => shortNumber(row.last?.here ?? null), align: 'right' },
  { name: 'worst_at', value: (row) => row.worst?.step, align: 'right' },
  {
    name: 'off_by',
    value: (row) => row.worst?.absolute,
    show: (row) => shortNumber(row.worst?.absolute ?? null),
    align: 'right',
  },
  {
    name: 'share',
    value: (row) => row.worst?.relative,
    show: (row) => shareText(row.worst?.relative ?? null),
    align: 'right',
  },
]

function shareText(share: number | null): string {
  return share === null ? '-' : `${shortNumber(100 * share)} %`
}

function tellDifferences(context: CliContext, { differences, limits }: RunPlan): void {
  for (const { what, recorded, here } of differences.slice(0, MOST_NAMED)) {
    context.warn(`${what}: ${recorded ?? 'none'} in the record, ${here ?? 'none'} here`)
  }
  if (differences.length > MOST_NAMED)
    context.warn(`${differences.length - MOST_NAMED} more differ; --json names them all`)
  if (differences.length === 0) context.say('The environment is that of the record, as far as it was recorded.')
  for (const limit of limits) context.say(limit)
}

/** Says how it went, last of all. */
function exitOf(
  context: CliContext,
  { trial, sweep }: RunRecord,
  { folder }: RunPlan,
  { code, signal, wasStopped }: ProgramEnd,
  objective: MetricComparison | undefined,
  tolerance: number | undefined,
): number {
  const hasFailed = code !== 0 && !wasStopped
  const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`
  if (hasFailed) {
    const last = lastLineOf(folder.output)
    const words = last === undefined ? 'It printed nothing.' : `Last line of its output: ${last}`
    if (trial.state === 'failed') context.say(`The program ${how}; it failed in the record as well. ${words}`)
    else {
      context.warn(`The program ${how}. ${words}`)
      return EXIT.failed
    }
  }
  if (objective === undefined || objective.steps === 0) {
    const name = sweep.metric?.name
    if (trial.state === 'failed' && hasFailed) return EXIT.ok
    context.warn(
      name === undefined ? 'The sweep names no metric to compare.' : `Nothing to compare: no step has ${name} in both.`,
    )
    return EXIT.failed
  }
  context.say(verdictText(objective))
  if (tolerance === undefined || isWithin(objective, tolerance)) return EXIT.ok
  context.warn(`${objective.name} is not within ${tolerance} of the record at every step.`)
  return EXIT.failed
}

export function verdictText({ name, steps, identical, missing, worst, last }: MetricComparison): string {
  const short = missing === 0 ? '' : ` ${missing} steps of the record were not reached here.`
  const count = steps === 1 ? 'the one step' : `all ${steps} steps`
  if (identical === steps) return `${name} is the same to the last bit at ${count} that both have.${short}`
  const off = (point: NonNullable<typeof worst>) =>
    `${shortNumber(point.absolute)}${point.relative === null ? '' : ` (${shareText(point.relative)})`}`
  return `${name} is off by at most ${off(worst!)}, at step ${worst!.step}, and by ${off(last!)} at step ${last!.step}, the last that both have.${short}`
}
