import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Decision, isResume, type Pruner } from '../pruner.ts'
import { carriedOut, created, ended, histories, interleaved, report, started, trialEnded } from './histories.ts'

export const minimize: Metric = { name: 'loss', goal: 'minimize', summary: 'best' }
/** A second objective, of which `histories` has values too. */
export const size: Metric = { name: 'size', goal: 'minimize', summary: 'last' }
export const maximize: Metric = { name: 'accuracy', goal: 'maximize', summary: 'best' }

export function foldAll<S, T>(
  pruner: Pruner<S, T>,
  settings: T,
  facts: readonly FactBody[],
  metric: Metric = minimize,
): S {
  return facts.reduce((state, fact) => pruner.tell(state, fact), pruner.init(settings, metric))
}

/** The running or paused trials that a history stops, lowest number first. */
export function stopped<S, T>(
  pruner: Pruner<S, T>,
  settings: T,
  facts: readonly FactBody[],
  metric?: Metric,
): number[] {
  return pruner
    .decide(foldAll(pruner, settings, facts, metric))
    .filter(({ kind }) => kind !== 'resume')
    .map(({ trial }) => trial)
}

/** The paused trials that a history lets go on, the most promising first. */
export function offered<S, T>(
  pruner: Pruner<S, T>,
  settings: T,
  facts: readonly FactBody[],
  metric?: Metric,
): number[] {
  return pruner
    .decide(foldAll(pruner, settings, facts, metric))
    .filter(isResume)
    .map(({ trial }) => trial)
}

/**
 * What every pruner must do, with each of the settings given.
 *
 * @param orderMatters why decisions may depend on which trial reported first; left out where they must not
 * @param companyMatters why a trial may be stopped because of others however bad they are; left out where it must not
 */
export function prunerContract<S, T>(
  pruner: Pruner<S, T>,
  settingsList: readonly T[],
  orderMatters?: string,
  companyMatters?: string,
): void {
  const check = (property: (settings: T, facts: FactBody[]) => void) =>
    fc.assert(fc.property(fc.constantFrom(...settingsList), histories, property), { numRuns: 200 })

  test(`${pruner.name}: the same history gives the same decisions`, () => {
    check((settings, facts) => {
      const decisions = pruner.decide(foldAll(pruner, settings, facts))
      expect(pruner.decide(foldAll(pruner, settings, facts))).toEqual(decisions)
    })
  })

  test(`${pruner.name}: the old state still stands, whatever is told to states made from it`, () => {
    check((settings, facts) => {
      const half = Math.floor(facts.length / 2)
      const middle = foldAll(pruner, settings, facts.slice(0, half))
      const before = pruner.decide(middle)
      const end = facts.slice(half).reduce((state, fact) => pruner.tell(state, fact), middle)
      const decided = pruner.decide(end)
      // Another future of the same past, in which every other fact never came.
      facts
        .slice(half)
        .filter((_, index) => index % 2 === 0)
        .reduce((state, fact) => pruner.tell(state, fact), middle)
      expect(pruner.decide(middle)).toEqual(before)
      expect(pruner.decide(end)).toEqual(decided)
      expect(pruner.decide(foldAll(pruner, settings, facts))).toEqual(decided)
    })
  })

  test(`${pruner.name}: pauses what runs, resumes what is paused, each trial once; stops by number, then resumes`, () => {
    check((settings, facts) => {
      const running = new Map<number, number>()
      const paused = new Map<number, number>()
      for (const fact of facts) {
        if (fact.kind === 'attempt-started') running.set(fact.trial, fact.attempt)
        if (fact.kind === 'trial-resumed') paused.delete(fact.trial)
        if (fact.kind !== 'attempt-ended') continue
        running.delete(fact.trial)
        if (fact.cause === 'paused') paused.set(fact.trial, fact.attempt)
      }
      const decisions = pruner.decide(foldAll(pruner, settings, facts))
      for (const { kind, trial, attempt } of decisions) {
        const of = { pause: running, resume: paused, prune: running.has(trial) ? running : paused }[kind]
        expect(of.get(trial)).toBe(attempt)
      }
      const trials = decisions.map(({ trial }) => trial)
      expect(trials.length).toBe(new Set(trials).size)
      const stops = decisions.findIndex(isResume)
      const [first, rest] = stops < 0 ? [decisions, []] : [decisions.slice(0, stops), decisions.slice(stops)]
      expect(rest.every(isResume)).toBe(true)
      expect(first.map(({ trial }) => trial)).toEqual(first.map(({ trial }) => trial).sort((a, b) => a - b))
    })
  })

  test(`${pruner.name}: a decision stands until it is carried out, and then never comes again`, () => {
    check((settings, facts) => {
      let state = foldAll(pruner, settings, facts)
      const decisions = pruner.decide(state)
      expect(pruner.decide(pruner.tell(state, created(99, {})))).toEqual(decisions)
      for (const decision of decisions) state = pruner.tell(state, carriedOut(decision))
      const asked = new Set(decisions.map(({ trial }) => trial))
      const again = () => pruner.decide(state).filter(({ trial }) => asked.has(trial))
      expect(again()).toEqual([])
      for (const { kind, trial, attempt } of decisions) {
        if (kind !== 'resume') state = pruner.tell(state, report(trial, 1000, 1e9, attempt))
      }
      expect(again()).toEqual([])
    })
  })

  test(`${pruner.name}: a resume is carried out once, whichever comes first of those offered`, () => {
    check((settings, facts) => {
      const state = foldAll(pruner, settings, facts)
      const offers = pruner.decide(state).filter(isResume)
      for (const offer of offers) {
        const left = pruner.decide(pruner.tell(state, carriedOut(offer))).filter(isResume)
        expect(left).toEqual(offers.filter((other) => other !== offer))
      }
    })
  })

  test(`${pruner.name}: nothing is decided about a trial that is over`, () => {
    check((settings, facts) => {
      let state = foldAll(pruner, settings, facts)
      for (const { trial, attempt, kind } of pruner.decide(state)) {
        if (kind !== 'resume') state = pruner.tell(state, ended(trial, attempt, 'user-error'))
        state = pruner.tell(state, trialEnded(trial, 'failed'))
        expect(pruner.decide(state).map((decision) => decision.trial)).not.toContain(trial)
      }
    })
  })

  test(`${pruner.name}: nothing depends on when decide is called`, () => {
    check((settings, facts) => {
      let state = pruner.init(settings, minimize)
      for (const fact of facts) {
        state = pruner.tell(state, fact)
        pruner.decide(state)
      }
      expect(pruner.decide(state)).toEqual(pruner.decide(foldAll(pruner, settings, facts)))
    })
  })

  const interleaving = `${pruner.name}: the order in which trials report does not matter`
  if (orderMatters !== undefined) {
    test.skip(`${interleaving} (it does: ${orderMatters})`, () => {})
  } else {
    test(interleaving, () => {
      const orders = fc.array(fc.nat(), { maxLength: 90 })
      fc.assert(
        fc.property(fc.constantFrom(...settingsList), histories, orders, (settings, facts, order) => {
          expect(pruner.decide(foldAll(pruner, settings, interleaved(facts, order)))).toEqual(
            pruner.decide(foldAll(pruner, settings, facts)),
          )
        }),
        { numRuns: 300 },
      )
    })
  }

  test(`${pruner.name}: maximising what is negated decides the same, and shows values as reported`, () => {
    check((settings, facts) => {
      const negated = facts.map((fact) => (fact.kind === 'report' ? { ...fact, value: -fact.value } : fact))
      const low = pruner.decide(foldAll(pruner, settings, facts))
      const high = pruner.decide(foldAll(pruner, settings, negated, maximize))
      const bare = ({ kind, trial, attempt, verdict: { rank, peers } }: Decision) => ({
        kind,
        trial,
        attempt,
        rank,
        peers,
      })
      expect(high.map(bare)).toEqual(low.map(bare))
      for (const [index, { verdict }] of high.entries()) {
        const value = low[index]!.verdict.value!
        expect(verdict.value).toBe(Number.isNaN(value) ? Number.NaN : -value + 0)
      }
    })
  })

  const company = `${pruner.name}: a trial that reports only NaN or infinities never gets another one stopped`
  test.skipIf(companyMatters !== undefined)(company + (companyMatters ? ` (it may: ${companyMatters})` : ''), () => {
    const broken = fc.array(fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY), {
      minLength: 30,
      maxLength: 30,
    })
    fc.assert(
      fc.property(fc.constantFrom(...settingsList), histories, broken, (settings, facts, values) => {
        const finite = facts.filter((fact) => fact.kind !== 'report' || Number.isFinite(fact.value))
        const others = [50, 51].flatMap((trial) => [
          started(trial),
          ...values.map((value, index) => report(trial, index + 1, value)),
        ])
        const alone = stopped(pruner, settings, finite)
        const beside = stopped(pruner, settings, [...others, ...finite]).filter((trial) => trial < 50)
        expect(alone).toEqual(expect.arrayContaining(beside))
      }),
      { numRuns: 200 },
    )
  })

  test(`${pruner.name}: an attempt taken up again counts its trial once`, () => {
    check((settings, facts) => {
      const trials = new Set(facts.flatMap((fact) => ('trial' in fact ? [fact.trial] : [])))
      for (const { verdict } of pruner.decide(foldAll(pruner, settings, facts))) {
        expect(verdict.peers).toBeLessThanOrEqual(trials.size)
      }
    })
  })

  test(`${pruner.name}: a restart from nothing that repeats its values leaves things as they were`, () => {
    check((settings, facts) => {
      const quiet = facts.filter((fact) => fact.kind !== 'report' || fact.trial !== 1)
      const values = [5, 4, 3, 2, 1, 0, 0, 0, 0, 0]
      const curve = (attempt: number) => [
        started(1, attempt),
        ...values.map((value, index) => report(1, index + 1, value, attempt)),
      ]
      const withoutOne = quiet.filter((fact) => !('trial' in fact) || fact.trial !== 1)
      const later = [started(60), ...values.map((_, index) => report(60, index + 1, 2.5))]
      const once = stopped(pruner, settings, [...withoutOne, ...curve(1), ...later])
      const twice = stopped(pruner, settings, [...withoutOne, ...curve(1), ...curve(2), ...later])
      expect(twice.filter((trial) => trial !== 1)).toEqual(once.filter((trial) => trial !== 1))
    })
  })

  test(`${pruner.name}: late reports of an attempt that was replaced change nothing`, () => {
    check((settings, facts) => {
      const replaced = [started(70), report(70, 1, 0), started(70, 2), report(70, 1, 9, 2)]
      const before = foldAll(pruner, settings, [...facts, ...replaced])
      const after = [2, 3, 4, 9].reduce((state, step) => pruner.tell(state, report(70, step, -99, 1)), before)
      expect(pruner.decide(after)).toEqual(pruner.decide(before))
      const next = [started(71), report(71, 1, 5), report(71, 2, 5), report(71, 3, 5)]
      const tellAll = (state: S) => next.reduce((s, fact) => pruner.tell(s, fact), state)
      expect(pruner.decide(tellAll(after))).toEqual(pruner.decide(tellAll(before)))
    })
  })
}
