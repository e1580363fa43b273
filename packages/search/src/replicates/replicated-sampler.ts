import { configHash } from '@sweep/spec/config-hash'
import type { FactBody, FactOf } from '@sweep/spec/facts'
import { entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import type { Asked, SamplerRun, Suggestion } from '../sampler.ts'
import { missingRuns, outcomeOf, type ReplicateGroup, withRun } from './replicate-group.ts'

interface State {
  readonly inner: SamplerRun
  /** By the draw of the config. */
  readonly groups: Tree<ReplicateGroup>
  /** Draws of the groups that want further trials. */
  readonly open: Tree<undefined>
  /** By trial the draw of its group; absent for what people enqueued. */
  readonly drawOf: Tree<number>
}

/**
 * A sampler whose every config is run with `seeds` seeds, a trial each. To the sampler inside a config is one trial: it
 * sees the reports of the first, and when all have ended the mean of what they came to. Trials of configs under way are
 * issued before new configs, so that the sampler knows as much as it can. A config of which the pruner stopped a trial
 * gets no more.
 *
 * The trials of the config with draw d have the draws `d * seeds` and following; what people enqueue with a config of the
 * sampler's is one of its trials.
 */
export function replicated(inner: SamplerRun, seeds: number): SamplerRun {
  return at({ inner, groups: undefined, open: undefined, drawOf: undefined }, seeds)
}

function at(state: State, seeds: number): SamplerRun {
  const run: SamplerRun = {
    name: state.inner.name,
    get places() {
      return missingOf(state, seeds) + state.inner.places * seeds
    },
    tell: (fact) => {
      const next = told(state, fact, seeds)
      return next === state ? run : at(next, seeds)
    },
    ask: (count) => ask(state, count, seeds),
  }
  return run
}

function missingOf({ open, groups }: State, seeds: number): number {
  let missing = 0
  for (const { a: draw } of entries(open)) missing += missingRuns(find(groups, draw)!, seeds)
  return missing
}

function ask({ open, groups, inner }: State, count: number, seeds: number): Asked {
  const suggestions: Suggestion[] = []
  for (const { a: draw } of entries(open)) {
    if (suggestions.length >= count) break
    const group = find(groups, draw)!
    const issued = group.runs.size
    const wanted = Math.min(missingRuns(group, seeds), count - suggestions.length)
    for (let replicate = issued; replicate < issued + wanted; replicate += 1) {
      suggestions.push(suggestion(group.config, group.reason, draw, replicate, seeds))
    }
  }
  const left = count - suggestions.length
  if (left <= 0) return { suggestions, exhausted: false }
  const asked = inner.ask(Math.ceil(left / seeds))
  for (const { config, reason, draw } of asked.suggestions) {
    for (let replicate = 0; replicate < seeds && suggestions.length < count; replicate += 1) {
      suggestions.push(suggestion(config, reason, draw, replicate, seeds))
    }
  }
  return { suggestions, exhausted: asked.exhausted && asked.suggestions.length * seeds <= left }
}

function suggestion(
  config: Suggestion['config'],
  why: string,
  draw: number,
  replicate: number,
  seeds: number,
): Suggestion {
  const reason = `${why}; seed ${replicate + 1} of ${seeds}`
  return { config, reason, draw: draw * seeds + replicate, replicate }
}

function told(state: State, fact: FactBody, seeds: number): State {
  if (fact.kind === 'trial-created') return created(state, fact, seeds)
  if (!('trial' in fact)) return passed(state, fact)
  const draw = find(state.drawOf, fact.trial)
  if (draw === undefined) return passed(state, fact)
  const group = find(state.groups, draw)!
  switch (fact.kind) {
    case 'trial-ended':
      return settled(state, withRun(group, fact.trial, fact), fact, seeds)
    case 'trial-requeued':
      return reopened(state, withRun(group, fact.trial, undefined), fact.by, seeds)
    default:
      // Of the others' reports the mean at the end is what counts.
      return fact.trial === group.first ? passed(state, fact) : state
  }
}

function passed(state: State, fact: FactBody): State {
  const inner = state.inner.tell(fact)
  return inner === state.inner ? state : { ...state, inner }
}

function created(state: State, fact: FactOf<'trial-created'>, seeds: number): State {
  const { trial, config, source, draw = 0 } = fact
  const own = source === 'sampler' ? Math.floor(draw / seeds) : drawOfConfig(state, configHash(config))
  if (own === undefined) return passed(state, fact)
  const drawOf = insert(state.drawOf, trial, 0, own)
  const known = find(state.groups, own)
  if (known !== undefined) return reopened({ ...state, drawOf }, withRun(known, trial, undefined), fact.reason, seeds)
  const reason = fact.reason.replace(/; seed \d+ of \d+$/, '')
  const inner = state.inner.tell({ ...fact, draw: own, reason })
  const hash = configHash(config)
  const group = { config, hash, reason, draw: own, first: trial, runs: new Map([[trial, undefined]]), isTold: false }
  return withGroup({ ...state, inner, drawOf }, group, seeds)
}

/** What the sampler was told of the config no longer holds. */
function reopened(state: State, group: ReplicateGroup, by: string, seeds: number): State {
  if (!group.isTold) return withGroup(state, group, seeds)
  const inner = state.inner.tell({ kind: 'trial-requeued', trial: group.first, by })
  return withGroup({ ...state, inner }, { ...group, isTold: false }, seeds)
}

/** Looked for among all: people enqueue configs by hand. */
function drawOfConfig({ groups }: State, hash: string): number | undefined {
  for (const { a: draw, value } of entries(groups)) if (value.hash === hash) return draw
  return undefined
}

/** The sampler learns of a config once nothing of it is open. */
function settled(state: State, group: ReplicateGroup, fact: FactOf<'trial-ended'>, seeds: number): State {
  const outcome = outcomeOf(group, seeds)
  if (outcome === undefined) return withGroup(state, group, seeds)
  const inner = state.inner.tell({ kind: 'trial-ended', trial: group.first, ...outcome, reason: fact.reason })
  return withGroup({ ...state, inner }, { ...group, isTold: true }, seeds)
}

function withGroup(state: State, group: ReplicateGroup, seeds: number): State {
  const isOpen = missingRuns(group, seeds) > 0
  return {
    ...state,
    groups: insert(state.groups, group.draw, 0, group),
    open: isOpen ? insert(state.open, group.draw, 0, undefined) : remove(state.open, group.draw),
  }
}
