import type { Json } from '@sweep/spec/number'
import type { RunEnvironment } from '@sweep/spec/run-environment'
import { shellCommand } from '@sweep/spec/shell-words'
import { formatDuration, formatMemory } from '@sweep/spec/units'
import type { MetricSeries } from '@sweep/spec/wire/api'
import { shortNumber } from '../present.ts'
import type { RunRecord } from './run-record.ts'

/** One thing that is known of both trials, or of one; undefined where it is not known. */
export interface Difference {
  readonly section: 'config' | 'seed' | 'code' | 'command' | 'environment' | 'packages' | 'outcome' | 'cost'
  readonly name: string
  readonly a: Json | undefined
  readonly b: Json | undefined
  readonly same: boolean
}

export interface RunSide {
  readonly record: RunRecord
  readonly series: readonly MetricSeries[]
}

type Known = readonly (readonly [name: string, value: Json | undefined])[]

/** Section by section, in each what differs first. Of packages only those that differ. */
export function trialDifferences(a: RunSide, b: RunSide): Difference[] {
  return [
    ...compared('config', Object.entries(a.record.trial.config), Object.entries(b.record.trial.config)),
    ...compared('seed', seedOf(a), seedOf(b)),
    ...compared('code', codeOf(a), codeOf(b)),
    ...compared('command', commandOf(a), commandOf(b)),
    ...compared('environment', environmentOf(a), environmentOf(b)),
    ...packageDifferences(a.record.environment, b.record.environment),
    ...compared('outcome', outcomeOf(a), outcomeOf(b)),
    ...compared('cost', costOf(a), costOf(b)),
  ]
}

function compared(section: Difference['section'], a: Known, b: Known): Difference[] {
  const left = new Map(a)
  const right = new Map(b)
  const rows = [...new Set([...left.keys(), ...right.keys()])].map((name): Difference => {
    const values = { a: left.get(name), b: right.get(name) }
    return { section, name, ...values, same: isSame(values.a, values.b) }
  })
  const known = rows.filter((row) => row.a !== undefined || row.b !== undefined)
  return [...known.filter((row) => !row.same), ...known.filter((row) => row.same)]
}

/** NaN and infinities, which have no JSON, are themselves. */
function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return Object.is(a, b) || (typeof a !== 'number' && JSON.stringify(a) === JSON.stringify(b))
}

function seedOf({ record: { environment, sweep } }: RunSide): Known {
  return [
    ['seed', environment.seed],
    ['sweep seed', sweep.document.seed],
  ]
}

function codeOf({ record: { environment, attempt } }: RunSide): Known {
  const { code, git, workdir } = environment
  return [
    ['kind', code?.kind],
    ['snapshot', code?.kind === 'snapshot' ? code.sha256 : undefined],
    ['repository', code?.kind === 'git' ? code.url : undefined],
    ['commit', code?.kind === 'git' ? code.commit : git?.commit],
    ['branch', git?.branch],
    ['uncommitted changes', git === undefined ? undefined : (git.diffHash ?? 'none')],
    ['folder', attempt === undefined ? undefined : workdir],
  ]
}

/** Without the folder of the run, which is another one every time. */
function commandOf({ record: { attempt } }: RunSide): Known {
  if (attempt?.argv === undefined || attempt.argv === null) return []
  const { argv, runDir } = attempt
  const line = shellCommand(argv.map((word) => (runDir === null ? word : word.replaceAll(runDir, '$SWEEP_RUN_DIR'))))
  return [['command', line]]
}

function environmentOf({ record: { environment, attempt } }: RunSide): Known {
  const { hostname, platform, kernel, cpu, cpus, memoryBytes, python } = environment
  return [
    ['python', python],
    ['packages', environment.packagesHash],
    ['gpus', gpusText(environment)],
    ['host', hostname],
    ['agent', attempt?.agent ?? undefined],
    ['platform', platform],
    ['kernel', kernel],
    ['cpu', cpu],
    ['cpus', cpus],
    ['memory', memoryBytes === undefined ? undefined : formatMemory(memoryBytes)],
  ]
}

export function gpusText({ gpus }: Pick<RunEnvironment, 'gpus'>): string | undefined {
  if (gpus === undefined) return undefined
  return gpus
    .map(
      ({ name = 'unknown', memoryBytes }) =>
        `${name}${memoryBytes === undefined ? '' : ` ${formatMemory(memoryBytes)}`}`,
    )
    .join(', ')
}

/** None where either list is not known. */
function packageDifferences(a: RunEnvironment, b: RunEnvironment): Difference[] {
  if (a.packages === undefined || b.packages === undefined) return []
  return compared('packages', Object.entries(a.packages), Object.entries(b.packages)).filter((row) => !row.same)
}

function outcomeOf({ record: { trial, sweep }, series }: RunSide): Known {
  const objective = sweep.metric?.name
  return [
    ['state', trial.state],
    ['cause', trial.cause ?? undefined],
    ['reason', trial.reason ?? undefined],
    [objective ?? 'value', trial.value ?? undefined],
    ['last step', trial.lastStep ?? undefined],
    ...series.map(({ name, steps, values }): Known[number] => [
      `last ${name}`,
      steps.length === 0 ? undefined : values.at(-1),
    ]),
  ]
}

function costOf({ record: { trial } }: RunSide): Known {
  const { attemptList } = trial
  const gpuSeconds = attemptList.reduce((sum, attempt) => sum + attempt.gpuSeconds, 0)
  return [
    ['attempts', trial.attempts],
    ['seconds', attemptList.reduce((sum, attempt) => sum + (attempt.seconds ?? 0), 0)],
    ['gpu seconds', gpuSeconds === 0 ? undefined : gpuSeconds],
  ]
}

/** A value for people. */
export function differenceText({ section }: Difference, value: Json | undefined): string {
  if (value === undefined) return '-'
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value)
  return section === 'cost' && !Number.isInteger(value) ? formatDuration(1000 * value) : shortNumber(value)
}
