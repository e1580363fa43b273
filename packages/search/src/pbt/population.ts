import type { Metric, Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf } from '@sweep/spec/facts'
import { toLoss } from '../loss.ts'
import { emptyRanking, type Ranking, rankingSize, withoutTrial, withTrial } from '../persistent/ranking.ts'
import { entries, find, insert, remove, type Tree, treeSize } from '../persistent/tree.ts'
import { advanced, noProgress, type Progress, takenUp } from '../progress.ts'
import { BY_PRUNER } from '../pruner.ts'

/** Resources count from the beginning of the training, that of a copy from the beginning of its ancestors'. */
export interface Member {
  /** Of its own reports. */
  readonly progress: Progress
  /** The first resource at which it is compared. */
  readonly from: number
  /** How many whole intervals it has come. */
  readonly level: number
  /** Its last report was the first at this level, and one to compare it by. */
  readonly hasArrived: boolean
}

/** Where the training of a trial that took a place goes on. */
export interface Start {
  /** How many reports its parent had made by then, its ancestors' included. */
  readonly reports: number
  /** What its parent had come to at the checkpoint; undefined where it starts from nothing. */
  readonly from: { readonly resource: number; readonly loss: number } | undefined
}

/** The members of a population, folded from the facts: what each has come to, and whose places are free. */
export interface Population {
  readonly settings: Pbt
  readonly goal: Metric['goal']
  /** How many trials were issued, those that took somebody's place too. */
  readonly issued: number
  /** Trials that start from nothing and have not reported yet. */
  readonly awaited: Tree<true>
  /** By trial, those that have reported, whatever became of them since. */
  readonly members: Tree<Member>
  /** The newest losses of those that still train, and not for the last interval. */
  readonly training: Ranking
  /** By level, the losses with which members arrived there. */
  readonly levels: Tree<Ranking>
  /** Trials that were pruned so that another takes their place. */
  readonly evicted: Tree<true>
  /** Trials that took a place. */
  readonly children: Tree<Start>
}

type Parent = NonNullable<FactOf<'trial-created'>['parent']>

export function noMembers(settings: Pbt, goal: Metric['goal']): Population {
  return {
    settings,
    goal,
    issued: 0,
    awaited: undefined,
    members: undefined,
    training: emptyRanking,
    levels: undefined,
    evicted: undefined,
    children: undefined,
  }
}

export function observe(population: Population, fact: FactBody): Population {
  switch (fact.kind) {
    case 'trial-created':
      return withIssued(population, fact)
    case 'report':
      return withReport(population, fact)
    case 'stop-asked':
      return fact.by === BY_PRUNER && fact.stop === 'pruned' ? withoutMember(population, fact.trial) : population
    case 'trial-ended':
      return {
        ...population,
        awaited: remove(population.awaited, fact.trial),
        training: withoutTrial(population.training, fact.trial),
      }
    default:
      return population
  }
}

/** Places that no trial has: of members not issued yet, and of evicted ones. */
export function freePlaces({ settings, issued, evicted, children }: Population): { new: number; left: number } {
  const heirs = treeSize(children)
  return { new: Math.max(0, settings.population - (issued - heirs)), left: treeSize(evicted) - heirs }
}

/** How many of so many count as the best, from whom others are copied. */
export function bestOf(count: number, { settings }: Population): number {
  return Math.ceil(settings.quantile * count)
}

/** How many of so many count as the worst. */
export function worstOf(count: number, { settings }: Population): number {
  return Math.floor(settings.quantile * count)
}

/** How many members will be compared at a level, those that are still on their way to it included. */
export function peersAt({ settings, awaited, members, training, levels }: Population, level: number): number {
  let count = rankingSize(find(levels, level) ?? emptyRanking) + treeSize(awaited)
  for (const { a: trial } of entries(training.losses)) {
    const member = find(members, trial)!
    if (member.level < level && member.from <= level * settings.interval) count += 1
  }
  return count
}

/** How many members may be copied now. */
export function parentCount(population: Population): number {
  return bestOf(rankingSize(population.training), population)
}

/** What a member has come to, in the unit of `resource`. */
export function resourceOf({ settings, children }: Population, trial: number, { reached }: Progress): number {
  return settings.resource === 'step' ? reached : reached + inherited(children, trial)
}

function withIssued(population: Population, { trial, parent }: FactOf<'trial-created'>): Population {
  const { awaited, children } = population
  const issued = population.issued + 1
  if (parent === undefined) return { ...population, issued, awaited: insert(awaited, trial, 0, true) }
  return { ...population, issued, children: insert(children, trial, 0, startOf(population, parent)) }
}

function startOf({ settings, members, children }: Population, { trial, step }: Parent): Start {
  const member = find(members, trial)
  // Without a checkpoint to go on from it starts anew.
  if (step === undefined || member === undefined) return { reports: 0, from: undefined }
  const { history } = member.progress
  const reports = history.length + inherited(children, trial)
  let last = history.length - 1
  while (last >= 0 && history.steps[last]! > step) last -= 1
  const resource = settings.resource === 'step' ? step : reports
  return { reports, from: last < 0 ? undefined : { resource, loss: history.losses[last]! } }
}

/** How many reports of its ancestors count as a trial's own. */
function inherited(children: Population['children'], trial: number): number {
  return find(children, trial)?.reports ?? 0
}

function withReport(population: Population, fact: FactOf<'report'>): Population {
  const { settings, goal, evicted, training } = population
  const { trial, attempt } = fact
  const before = find(population.members, trial)
  if (before !== undefined && attempt < before.progress.history.attempt) return population
  const loss = toLoss(fact.value, { goal })
  const kept = takenUp(before?.progress ?? noProgress, fact, settings.resource)
  const levels = before === undefined ? population.levels : cutBack(population, trial, before, kept)
  const progress = advanced(kept, fact, loss, settings.resource)
  const resource = resourceOf(population, trial, progress)
  const from = before?.from ?? firstCompared(population, trial, resource)
  const level = Math.floor(resource / settings.interval)
  const trains = !isEnding(settings, resource) && find(evicted, trial) === undefined
  const hasArrived = trains && resource >= from && level > levelOf(population, trial, kept)
  const ranking = hasArrived ? withTrial(find(levels, level) ?? emptyRanking, trial, loss) : undefined
  return {
    ...population,
    awaited: remove(population.awaited, trial),
    members: insert(population.members, trial, 0, { progress, from, level, hasArrived }),
    levels: ranking === undefined ? levels : insert(levels, level, 0, ranking),
    training: trains ? withTrial(training, trial, loss) : withoutTrial(training, trial),
  }
}

/** In the last interval a copy would have too little time to be worth its start. */
function isEnding({ maxResource, interval }: Pbt, resource: number): boolean {
  return maxResource !== undefined && resource > maxResource - interval
}

/** A copy is as good as its parent at first, so it trains for an interval of its own before it is compared. */
function firstCompared({ settings, children }: Population, trial: number, resource: number): number {
  return (find(children, trial) === undefined ? 0 : resource - 1) + settings.interval
}

function levelOf(population: Population, trial: number, progress: Progress): number {
  return Math.max(0, Math.floor(resourceOf(population, trial, progress) / population.settings.interval))
}

/** The levels without those that a newer attempt took up below. */
function cutBack(population: Population, trial: number, before: Member, kept: Progress): Tree<Ranking> {
  let { levels } = population
  if (kept === before.progress) return levels
  for (let level = levelOf(population, trial, kept) + 1; level <= before.level; level += 1) {
    const ranking = find(levels, level)
    if (ranking) levels = insert(levels, level, 0, withoutTrial(ranking, trial))
  }
  return levels
}

function withoutMember(population: Population, trial: number): Population {
  const { evicted, training } = population
  return { ...population, evicted: insert(evicted, trial, 0, true), training: withoutTrial(training, trial) }
}
