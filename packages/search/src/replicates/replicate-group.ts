import type { FactOf } from '@sweep/spec/facts'
import type { Values } from '@sweep/spec/objectives'
import type { Config } from '@sweep/spec/search-space'

type Ended = Pick<FactOf<'trial-ended'>, 'state' | 'value' | 'values'>
type Outcome = Ended & Pick<FactOf<'trial-ended'>, 'spread'>

/** The trials that run one config of the sampler, as a value. */
export interface ReplicateGroup {
  readonly config: Config
  readonly hash: string
  /** Why the sampler proposed it. */
  readonly reason: string
  /** Index of the config among the sampler's own. */
  readonly draw: number
  /** The first trial that runs it: to the sampler the config is this trial. */
  readonly first: number
  /** By trial what became of it; undefined while that is open. */
  readonly runs: ReadonlyMap<number, Ended | undefined>
  /** The sampler was told what came of it. */
  readonly isTold: boolean
}

/** How many more trials of the config are to be issued: none once the pruner has stopped one. */
export function missingRuns({ runs }: ReplicateGroup, seeds: number): number {
  const isCut = [...runs.values()].some((run) => run?.state === 'pruned')
  return isCut ? 0 : Math.max(0, seeds - runs.size)
}

export function withRun(group: ReplicateGroup, trial: number, ended: Ended | undefined): ReplicateGroup {
  return { ...group, runs: new Map(group.runs).set(trial, ended) }
}

/** What the trials of a config come to together; undefined while one of them, or one still to be issued, may change it. */
export function outcomeOf(group: ReplicateGroup, seeds: number): Outcome | undefined {
  const runs = [...group.runs.values()]
  const ended = runs.flatMap((run) => run ?? [])
  if (ended.length < runs.length || missingRuns(group, seeds) > 0) return undefined
  const state = (['pruned', 'completed', 'failed', 'cancelled'] as const).find((one) =>
    ended.some((run) => run.state === one),
  )
  if (state === undefined) return undefined
  // Of failed ones nothing is known, and a mean without them is what is known of the config.
  const counted = ended.filter((run) => run.state === 'completed' || run.state === 'pruned')
  const values = meanValues(counted)
  const known = counted.map(({ value }) => value)
  const spread = standardError(known)
  return {
    ...{ state, value: meanOf(known) },
    ...(spread === undefined ? {} : { spread }),
    ...(values === undefined ? {} : { values }),
  }
}

/** Of the mean; undefined where a single value says nothing of it. */
function standardError(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value))
  const middle = meanOf(known)
  if (known.length < 2 || middle === null) return undefined
  const squares = known.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  const error = Math.sqrt(squares / (known.length * (known.length - 1)))
  return Number.isFinite(error) ? error : undefined
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value))
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value / known.length, 0)
}

function meanValues(runs: readonly Ended[]): Record<string, number> | undefined {
  const all = runs.flatMap(({ values }): Values[] => (values === undefined ? [] : [values]))
  if (all.length === 0) return undefined
  const names = [...new Set(all.flatMap((values) => Object.keys(values)))]
  return Object.fromEntries(
    names.flatMap((name) => {
      const mean = meanOf(all.map((values) => values[name] ?? null))
      return mean === null ? [] : [[name, mean]]
    }),
  )
}
