/** Where a version of a model stands. One version at most is in production. */
export const MODEL_STAGES = ['dev', 'staging', 'production', 'archived'] as const
export type ModelStage = (typeof MODEL_STAGES)[number]

/** Stages that a version has to pass gates for. */
export const GATED_STAGES = ['staging', 'production'] as const satisfies readonly ModelStage[]
export type GatedStage = (typeof GATED_STAGES)[number]

export type StageMove = 'promote' | 'demote' | 'archive' | 'restore'

/** What it is to take a version from one stage to another; only promotions have gates. */
export const STAGE_MOVES = {
  dev: { staging: 'promote', production: 'promote', archived: 'archive' },
  staging: { dev: 'demote', production: 'promote', archived: 'archive' },
  production: { dev: 'demote', staging: 'demote', archived: 'archive' },
  archived: { dev: 'restore', staging: 'promote', production: 'promote' },
} as const satisfies Record<ModelStage, Partial<Record<ModelStage, StageMove>>>

/** Undefined where the version is there already. */
export function stageMove(from: ModelStage, to: ModelStage): StageMove | undefined {
  return (STAGE_MOVES[from] as Partial<Record<ModelStage, StageMove>>)[to]
}

/** `replaced`: another version has taken its place in production. `refused`: it did not pass the gates. */
export const MODEL_HAPPENINGS = [
  'registered',
  'promoted',
  'refused',
  'demoted',
  'archived',
  'restored',
  'replaced',
  'rolled-back',
  'deleted',
] as const
export type ModelHappening = (typeof MODEL_HAPPENINGS)[number]

/** What is kept of each kind of move. */
export const MOVED = {
  promote: 'promoted',
  demote: 'demoted',
  archive: 'archived',
  restore: 'restored',
} as const satisfies Record<StageMove, ModelHappening>

/** A version that came into production, by promotion or by rolling back to it. */
export interface ProductionStep {
  readonly kind: 'promoted' | 'rolled-back'
  readonly version: number
}

/**
 * The version to roll back to: the one that was in production before the version that is, or was last. Rolling back again
 * goes one further back, so what was rolled back from is never come back to.
 *
 * @param steps all there were of the model, oldest first
 * @param exists whether there still is a version of this number
 */
export function rollbackTarget(
  steps: readonly ProductionStep[],
  exists: (version: number) => boolean,
): number | undefined {
  const line: number[] = []
  for (const { kind, version } of steps) {
    if (kind === 'promoted') line.push(version)
    else while (line.length > 0 && line.at(-1) !== version) line.pop()
  }
  const newest = line.at(-1)
  return line.findLast((version) => version !== newest && exists(version))
}
