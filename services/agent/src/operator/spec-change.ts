import { isDeepStrictEqual } from 'node:util'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { ChangeSweep, SweepView } from '@sweep/spec/wire/api'
import type { Rendered } from './rendered.ts'
import type { Kind } from './resource.ts'

/** Keys of a document that a sweep may change after it has begun. */
const CHANGEABLE = new Set(['parallelism', 'priority', 'budget', 'run_cap'])

/** Where a key of an experiment's document comes from. */
const FROM_EXPERIMENT: Readonly<Record<string, string>> = {
  project: 'projectRef',
  description: 'description, hypothesis',
  parameters: 'runs',
  run_cap: 'runs',
  command: 'template.command',
  kubernetes: 'template',
  resources: 'template.resources',
}

/**
 * Names of the keys of the resource's spec that differ from what its sweep was made of and can't be changed any more.
 * @param source the document that the sweep was stored with, as JSON
 */
export function fixedChanges(kind: Kind, source: string, wanted: Rendered['document']): string[] {
  const made = JSON.parse(source) as Rendered['document']
  const keys = [...new Set([...Object.keys(made), ...Object.keys(wanted)])]
  const different = keys.filter((key) => !isDeepStrictEqual(made[key], wanted[key]))
  // Runs of an experiment come with it; a number alone would add none.
  const fixed = different.filter((key) => !CHANGEABLE.has(key) || (kind === 'Experiment' && key === 'run_cap'))
  return [...new Set(fixed.map((key) => (kind === 'Experiment' ? (FROM_EXPERIMENT[key] ?? key) : key)))]
}

/** What to ask for so that the sweep has the limits of the document; undefined when it has. */
export function limitChanges(sweep: SweepView, wanted: SweepDocument): ChangeSweep | undefined {
  const parallelism = wanted.parallelism ?? null
  const budget = {
    ...differing('trials', sweep.budget.trials, wanted.budget.trials),
    ...differing('wallMs', sweep.budget.wallMs, wanted.budget.wallMs),
    ...differing('gpuSeconds', sweep.budget.gpuSeconds, wanted.budget.gpuSeconds),
  }
  const changes: ChangeSweep = {
    ...(sweep.parallelism === parallelism ? {} : { parallelism }),
    ...(sweep.priority === wanted.priority ? {} : { priority: wanted.priority }),
    ...(Object.keys(budget).length === 0 ? {} : { budget }),
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

/** Null lifts a limit. */
function differing<K extends string>(
  key: K,
  has: number | undefined,
  wanted: number | undefined,
): { [key in K]?: number | null } {
  return has === wanted ? {} : ({ [key]: wanted ?? null } as { [key in K]: number | null })
}
