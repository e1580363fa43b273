import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { createSearch, type Search } from '../search.ts'
import { carriedOut, created, ended, report, started, trialEnded } from './histories.ts'

/** A training whose state can be handed over. */
export interface Training<State> {
  readonly start: State
  /** Steps of a full one. */
  readonly steps: number
  /** @param step of the state, 0 for the start */
  stepped(state: State, config: Config, step: number): State
  value(state: State): number
}

interface Run<State> {
  readonly trial: number
  readonly config: Config
  readonly state: State
  readonly step: number
}

/**
 * The values reported until `members` times the steps of a full training are done, so many trials at a time.
 *
 * @param handsOver whether a copy goes on from the state of its parent; otherwise from the start
 */
export function trainPopulation<State>(
  document: SweepDocument,
  { start, steps, stepped, value }: Training<State>,
  members: number,
  handsOver = true,
): readonly number[] {
  let search: Search = createSearch(document)
  const tell = (fact: FactBody) => {
    search = { sampler: search.sampler.tell(fact), pruner: search.pruner?.tell(fact) }
  }
  let runs: readonly Run<State>[] = []
  let trials = 0
  const values: number[] = []
  while (values.length < members * steps) {
    for (const { config, draw, parent } of search.sampler.ask(members - runs.length).suggestions) {
      trials += 1
      const from = handsOver ? runs.find((run) => run.trial === parent) : undefined
      const { state, step } = from ?? { state: start, step: 0 }
      tell({ ...created(trials, config, draw), ...(parent && { parent: { trial: parent, step } }) } as FactBody)
      tell(started(trials))
      runs = [...runs, { trial: trials, config, state, step }]
    }
    runs = runs.map((run) => ({ ...run, state: stepped(run.state, run.config, run.step), step: run.step + 1 }))
    for (const { trial, state, step } of runs) {
      const reported = value(state)
      values.push(reported)
      tell(report(trial, step, reported))
    }
    const over = new Set(runs.flatMap(({ trial, step }) => (step >= steps ? [trial] : [])))
    for (const decision of search.pruner?.decide() ?? []) {
      tell(carriedOut(decision))
      over.add(decision.trial)
    }
    for (const trial of over) {
      tell(ended(trial))
      tell(trialEnded(trial))
    }
    runs = runs.filter(({ trial }) => !over.has(trial))
    if (runs.length === 0 && search.sampler.places === 0) break
  }
  return values
}
