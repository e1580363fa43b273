import { GateResult } from '@sweep/spec/models/gates'
import type { ModelHappening, ModelStage, ProductionStep } from '@sweep/spec/models/stages'
import { z } from 'zod'
import type { Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'

/** What is to be kept of something that happened to a version. */
export interface Happening {
  readonly modelKey: number
  readonly version: number
  readonly kind: ModelHappening
  readonly from?: ModelStage
  readonly to?: ModelStage
  readonly reason?: string | undefined
  readonly forced?: boolean
  readonly gates?: readonly GateResult[]
  readonly by: string
}

/** In the transaction that makes it happen. */
export async function noteHappening(tx: Queryable, happening: Happening): Promise<void> {
  const { modelKey, version, kind, from, to, reason, forced, gates, by } = happening
  await tx.query(
    {
      name: 'model-history-note',
      text: `insert into model_history (model_key, version, kind, from_stage, to_stage, reason, forced, gates, by)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    },
    [modelKey, version, kind, from, to, plainText(reason ?? ''), forced ?? false, jsonText(gates ?? []), by],
  )
}

export interface HistoryEntry {
  readonly id: number
  readonly version: number
  readonly kind: ModelHappening
  readonly from: ModelStage | null
  readonly to: ModelStage | null
  readonly reason: string
  readonly forced: boolean
  readonly gates: readonly GateResult[]
  readonly by: string
  readonly at: Date
}

const Results = z.array(GateResult)

/** What happened to the versions of a model, newest first; at most `limit` of what was before `before`. */
export async function modelHistory(
  database: Queryable,
  modelKey: number,
  page: { readonly version?: number; readonly before?: number; readonly limit: number },
): Promise<HistoryEntry[]> {
  const { rows } = await database.query<HistoryEntry>(
    {
      name: 'model-history',
      text: `select h.id, h.version, h.kind, h.from_stage as "from", h.to_stage as "to", h.reason, h.forced, h.gates, h.by,
                    h.at
               from model_history h where h.model_key = $1 and ($2::int8 is null or h.id < $2)
                and ($3::int is null or h.version = $3)
              order by h.id desc limit $4`,
    },
    [modelKey, page.before, page.version, page.limit],
  )
  return rows.map((row) => ({ ...row, gates: Results.parse(row.gates) }))
}

/** Versions that came into production, oldest first. */
export async function productionSteps(tx: Queryable, modelKey: number): Promise<ProductionStep[]> {
  const { rows } = await tx.query<ProductionStep>(
    {
      name: 'model-production-steps',
      text: `select h.kind, h.version from model_history h
              where h.model_key = $1 and h.to_stage = 'production' and h.kind in ('promoted', 'rolled-back') order by h.id`,
    },
    [modelKey],
  )
  return rows
}
