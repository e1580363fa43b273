import { SweepError } from '@sweep/spec/errors'
import type { GateFacts, GateResult, JudgeGates, SummedMetric } from '@sweep/spec/models/gates'
import {
  GATED_STAGES,
  type GatedStage,
  MOVED,
  type ModelStage,
  rollbackTarget,
  stageMove,
} from '@sweep/spec/models/stages'
import type { ModelOrigin } from '@sweep/spec/wire/tracking/models'
import type { Database, Queryable } from '../database.ts'
import { openFindings } from '../health/findings.ts'
import { findRun } from '../tracking/runs.ts'
import { listGates } from './gates.ts'
import { noteHappening, productionSteps } from './history.ts'
import { lockModel } from './models.ts'
import { getVersion, listVersions, type ModelVersionRecord } from './version-record.ts'

export interface VersionMove {
  readonly model: string
  readonly version: number
  readonly to: ModelStage
  readonly reason: string | undefined
  /** Gates that fail are passed over, and kept with the reason. */
  readonly force: boolean
  /** Changes nothing, and keeps nothing of it. */
  readonly dryRun: boolean
  /** Archives those that are in the stage already; in production there is never more than one. */
  readonly alone: boolean
  readonly by: string
}

/** `refused`: some of its gates have failed, and nothing was changed. `replaced` is the version that was in production. */
export type MoveOutcome =
  | { readonly kind: 'moved'; readonly gates: readonly GateResult[]; readonly replaced: number | null }
  | { readonly kind: 'unchanged' | 'refused'; readonly gates: readonly GateResult[] }

/**
 * Takes a version to another stage. Whoever moves versions of a model does so one after the other.
 * @param judge decides by gates
 * @throws SweepError `not-found`
 */
export async function moveVersion(database: Database, move: VersionMove, judge: JudgeGates): Promise<MoveOutcome> {
  const { model, to, reason, by } = move
  return database.tx(async (tx) => {
    const modelKey = await lockModel(tx, model)
    const version = await getVersion(tx, model, move.version)
    const [inProduction] = await listVersions(tx, { model, stages: ['production'], limit: 1 })
    const way = stageMove(version.stage, to)
    const gated = GATED_STAGES.find((stage) => stage === to)
    const gates = way === 'promote' && gated !== undefined ? await judged(tx, version, gated, inProduction, judge) : []
    const hasFailed = gates.some(({ passed }) => !passed)
    if (way === undefined) return { kind: 'unchanged', gates }
    const about = { modelKey, version: version.version, from: version.stage, to, reason, gates, by }
    if (hasFailed && !move.force) {
      if (!move.dryRun) await noteHappening(tx, { ...about, kind: 'refused' })
      return { kind: 'refused', gates }
    }
    if (move.dryRun) return { kind: 'unchanged', gates }
    const replaced = to === 'production' ? (inProduction?.version ?? null) : null
    if (to === 'production' || move.alone) await archiveOthers(tx, version, to, by)
    await setStage(tx, version, to)
    await noteHappening(tx, { ...about, kind: MOVED[way], forced: hasFailed })
    return { kind: 'moved', gates, replaced }
  })
}

/**
 * Takes the version back into production that was there before the one that is, or was last. Gates are not asked: it has
 * been there.
 * @param from only if this version is in production
 * @returns the version, and the one whose place it has taken
 * @throws SweepError `not-found`; `conflict` when there is none to go back to, or another one than `from` in production
 */
export async function rollBack(
  database: Database,
  model: string,
  { reason, from, by }: { readonly reason: string | undefined; readonly from: number | undefined; readonly by: string },
): Promise<{ readonly version: number; readonly replaced: number | null }> {
  return database.tx(async (tx) => {
    const modelKey = await lockModel(tx, model)
    if (from !== undefined) await requireProduction(tx, model, from)
    const steps = await productionSteps(tx, modelKey)
    const { rows } = await tx.query<{ version: number }>('select version from model_versions where model_key = $1', [
      modelKey,
    ])
    const existing = new Set(rows.map(({ version }) => version))
    const target = rollbackTarget(steps, (version) => existing.has(version))
    if (target === undefined) {
      throw new SweepError(
        'conflict',
        `model ${JSON.stringify(model)} has no earlier version in production to go back to`,
        {
          hint: '`sweep model history NAME` has what was in production.',
        },
      )
    }
    const version = await getVersion(tx, model, target)
    const [replaced] = await archiveOthers(tx, version, 'production', by)
    await setStage(tx, version, 'production')
    await noteHappening(tx, {
      modelKey,
      version: target,
      kind: 'rolled-back',
      from: version.stage,
      to: 'production',
      reason,
      by,
    })
    return { version: target, replaced: replaced ?? null }
  })
}

async function requireProduction(tx: Queryable, model: string, expected: number): Promise<void> {
  const [found] = await listVersions(tx, { model, stages: ['production'], limit: 1 })
  if (found?.version === expected) return
  const is = found === undefined ? 'no version is' : `version ${found.version} is`
  throw new SweepError('conflict', `${is} in production of model ${JSON.stringify(model)}, and not ${expected}`, {
    hint: 'Somebody else has been here; look at `sweep model history NAME`.',
  })
}

async function judged(
  tx: Queryable,
  version: ModelVersionRecord,
  stage: GatedStage,
  inProduction: ModelVersionRecord | undefined,
  judge: JudgeGates,
): Promise<readonly GateResult[]> {
  const gates = await listGates(tx, version.modelKey, stage)
  if (gates.length === 0) return []
  return judge(
    gates.map(({ gate }) => gate),
    await factsOf(tx, version, inProduction),
  )
}

async function factsOf(
  tx: Queryable,
  version: ModelVersionRecord,
  inProduction: ModelVersionRecord | undefined,
): Promise<GateFacts> {
  const { runId, origin } = version
  const run = runId === null ? undefined : await findRun(tx, runId)
  return {
    stage: version.stage,
    tags: version.tags,
    metrics: summedMetrics(origin),
    runStatus: run?.status ?? null,
    findings: runId === null ? [] : await openFindings(tx, [runId]),
    hasSignature: version.signature !== null,
    framework: version.framework,
    commit: origin.commit,
    dirty: origin.dirty,
    dataVersion: origin.dataVersion,
    production:
      inProduction === undefined
        ? null
        : { version: inProduction.version, metrics: summedMetrics(inProduction.origin) },
  }
}

function summedMetrics({ metrics }: ModelOrigin): Record<string, SummedMetric> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { last, min, max }]) => [name, { last, min, max }]))
}

/** @returns their versions */
async function archiveOthers(
  tx: Queryable,
  { modelKey, version }: ModelVersionRecord,
  stage: ModelStage,
  by: string,
): Promise<number[]> {
  const { rows } = await tx.query<{ version: number }>(
    {
      name: 'model-version-archive-others',
      text: `update model_versions set stage = 'archived', staged_at = now(), updated_at = now()
              where model_key = $1 and stage = $2 and stage <> 'archived' and version <> $3 returning version`,
    },
    [modelKey, stage, version],
  )
  for (const { version: other } of rows) {
    await noteHappening(tx, {
      modelKey,
      version: other,
      kind: 'replaced',
      from: stage,
      to: 'archived',
      by,
      reason: `by version ${version}`,
    })
  }
  return rows.map((row) => row.version)
}

async function setStage(tx: Queryable, version: ModelVersionRecord, to: ModelStage): Promise<void> {
  const { rowCount } = await tx.query(
    {
      name: 'model-version-stage',
      text: `with touched as (update models set updated_at = now() where key = $1)
             update model_versions set stage = $4, staged_at = now(), updated_at = now()
              where model_key = $1 and version = $2 and stage = $3`,
    },
    [version.modelKey, version.version, version.stage, to],
  )
  if (rowCount !== 1) throw new Error(`version ${version.version} of model ${version.model} moved under our hands`)
}
