import { canonicalJson } from '@sweep/spec/config-hash'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactOf, Verdict } from '@sweep/spec/facts'
import { encodeMetric, type Json } from '@sweep/spec/number'
import { BY_PRUNER, type Decision } from './pruner.ts'
import type { Suggestion } from './sampler.ts'
import { createSearch, type Search } from './search.ts'

export interface ReplayDifference {
  /** The fact that was recorded otherwise than it is recomputed. */
  readonly seq: number
  /** What the facts up to its basis give; null when they give nothing. */
  readonly expected: Json
  /** What the fact says. */
  readonly got: Json
}

export interface ReplayResult {
  readonly facts: number
  /** How many suggestions and decisions were recomputed. */
  readonly suggestions: number
  readonly decisions: number
  readonly differences: readonly ReplayDifference[]
}

/**
 * Recomputes every suggestion of the sampler and every decision of the pruner from the facts alone: each from the facts
 * up to the `basis` it names, which is what the controller had folded when it decided.
 *
 * @param facts all facts of the sweep, in the order of their numbers
 */
export function replay(document: SweepDocument, facts: readonly Fact[]): ReplayResult {
  const searchAt = createFolder(document, facts)
  const batches = batchesOf(facts)
  const differences: ReplayDifference[] = []
  let suggestions = 0
  let decisions = 0
  for (const fact of facts) {
    if (fact.kind === 'trial-created' && fact.source === 'sampler') {
      suggestions += 1
      const expected = batches.get(fact.basis)!.suggestion(searchAt, fact.draw ?? 0)
      const { config, reason, draw = 0, parent } = fact
      const got = { config, reason, draw, ...(parent && { parent: parent.trial }) }
      addDifference(differences, fact.seq, expected && suggestionJson(expected), suggestionJson(got))
    } else if ((fact.kind === 'stop-asked' || fact.kind === 'trial-resumed') && fact.by === BY_PRUNER) {
      decisions += 1
      const kind = decisionOf(fact)
      const expected = searchAt(fact.basis)
        .pruner?.decide()
        .find((one) => one.kind === kind && one.trial === fact.trial && one.attempt === fact.attempt)
      addDifference(differences, fact.seq, expected && verdictJson(expected.verdict), verdictJson(fact.verdict))
    }
  }
  return { facts: facts.length, suggestions, decisions, differences }
}

type SearchAt = (basis: number) => Search

/** Folds forward to each basis asked for. One that lies further back, which no single controller writes, starts afresh. */
function createFolder(document: SweepDocument, facts: readonly Fact[]): SearchAt {
  let search = createSearch(document)
  let next = 0
  return (basis) => {
    if (next > 0 && facts[next - 1]!.seq > basis) {
      search = createSearch(document)
      next = 0
    }
    for (; next < facts.length && facts[next]!.seq <= basis; next += 1) {
      const fact = facts[next]!
      search = { sampler: search.sampler.tell(fact), pruner: search.pruner?.tell(fact) }
    }
    return search
  }
}

/** Suggestions of one basis were asked for together; recomputing them together costs no more than it did then. */
interface Batch {
  suggestion(searchAt: SearchAt, draw: number): Suggestion | undefined
}

function batchesOf(facts: readonly Fact[]): ReadonlyMap<number, Batch> {
  const counts = new Map<number, number>()
  for (const fact of facts) {
    if (fact.kind === 'trial-created' && fact.source === 'sampler')
      counts.set(fact.basis, (counts.get(fact.basis) ?? 0) + 1)
  }
  return new Map([...counts].map(([basis, count]) => [basis, createBatch(basis, count)]))
}

function createBatch(basis: number, count: number): Batch {
  let asked: ReadonlyMap<number, Suggestion> | undefined
  return {
    suggestion: (searchAt, draw) => {
      asked ??= new Map(
        searchAt(basis)
          .sampler.ask(count)
          .suggestions.map((suggestion) => [suggestion.draw, suggestion]),
      )
      return asked.get(draw)
    },
  }
}

/** The kind of decision that a fact carries out; undefined for a stop that no pruner asks for. */
function decisionOf(fact: FactOf<'stop-asked' | 'trial-resumed'>): Decision['kind'] | undefined {
  if (fact.kind === 'trial-resumed') return 'resume'
  return fact.stop === 'pruned' ? 'prune' : fact.stop === 'paused' ? 'pause' : undefined
}

function addDifference(differences: ReplayDifference[], seq: number, expected: Json | undefined, got: Json): void {
  if (expected === undefined || canonicalJson(expected) !== canonicalJson(got)) {
    differences.push({ seq, expected: expected ?? null, got })
  }
}

function suggestionJson({ config, reason, draw, parent }: Suggestion): Json {
  return { config, reason, draw, parent: parent ?? null }
}

/** NaN has no JSON of its own; absent parts and undefined ones are the same. */
function verdictJson(verdict: Verdict): Json {
  const parts = Object.entries(verdict).filter(([, part]) => part !== undefined)
  return Object.fromEntries(parts.map(([name, part]) => [name, typeof part === 'number' ? encodeMetric(part) : part]))
}
