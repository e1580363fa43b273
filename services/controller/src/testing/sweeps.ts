import { randomBytes } from 'node:crypto'
import { createSweepFold, foldFact } from '@sweep/search/fold'
import { isResume } from '@sweep/search/pruner'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import { newId, SweepId } from '@sweep/spec/ids'
import type { Database } from '@sweep/store/database'
import { loadFacts } from '@sweep/store/facts'
import { notify } from '@sweep/store/listen'
import type { SweepRecord } from '@sweep/store/sweep-record'
import { createSweep, getSweep, sweepDefinition } from '@sweep/store/sweeps'

/** Stores a sweep over one parameter `x` in [0, 1] and tells controllers of it. */
export async function newSweep(
  database: Database,
  document: Partial<SweepDocument> = {},
  id: SweepId = SweepId.parse(newId(randomBytes)),
): Promise<SweepId> {
  const parsed = SweepDocument.parse({
    method: 'random',
    metric: { name: 'loss', goal: 'minimize' },
    space: { parameters: [{ name: 'x', path: ['x'], type: 'float', min: 0, max: 1 }] },
    command: ['train'],
    seed: 7,
    ...document,
  })
  await createSweep(database, {
    id,
    name: 'test',
    document: parsed,
    source: '',
    file: 'sweep.yaml',
    workdir: '/nowhere',
  })
  await notify(database, 'sweep_changed', [id])
  return id
}

/** Waits until the sweep is over. */
export async function ended(database: Database, id: SweepId, ms = 50_000): Promise<SweepRecord> {
  return await until(
    async () => {
      const sweep = await getSweep(database, id)
      return sweep?.endedAt ? sweep : undefined
    },
    `the end of sweep ${id}`,
    ms,
  )
}

export async function until<T>(look: () => Promise<T | undefined | false>, what: string, ms = 30_000): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export async function factsOf(database: Database, id: SweepId): Promise<Fact[]> {
  return await loadFacts(database, id, 0, 1_000_000)
}

/** Waits until what the pruner decides about a running trial is stored; at once when it decides nothing. */
export async function decided(database: Database, id: SweepId, trial: number): Promise<void> {
  const { document } = await sweepDefinition(database, id)
  const isOpen = async () => {
    const fold = createSweepFold(document)
    for (const fact of await factsOf(database, id)) foldFact(fold, fact)
    return fold.pruner?.decide().some((decision) => decision.trial === trial && !isResume(decision)) ?? false
  }
  await until(async () => !(await isOpen()), `the decision about trial ${trial}`, 50_000)
}

/** The configs that were issued, in their order. */
export function configsOf(facts: readonly Fact[]): unknown[] {
  return facts.flatMap((fact) => (fact.kind === 'trial-created' ? [fact.config] : []))
}

/** How many attempts were running, and how many queued or running, after each fact. */
export function levelsOf(facts: readonly Fact[]): { readonly running: number; readonly outstanding: number }[] {
  const running = new Set<string>()
  const queued = new Set<string>()
  return facts.map((fact) => {
    if (fact.kind === 'attempt-queued') queued.add(`${fact.trial}-${fact.attempt}`)
    if (fact.kind === 'attempt-started') {
      queued.delete(`${fact.trial}-${fact.attempt}`)
      running.add(`${fact.trial}-${fact.attempt}`)
    }
    if (fact.kind === 'attempt-ended') {
      queued.delete(`${fact.trial}-${fact.attempt}`)
      running.delete(`${fact.trial}-${fact.attempt}`)
    }
    return { running: running.size, outstanding: running.size + queued.size }
  })
}
