import { SweepError } from '@sweep/spec/errors'
import { ModelGate } from '@sweep/spec/models/gates'
import type { GatedStage } from '@sweep/spec/models/stages'
import type { Database, Queryable } from '../database.ts'
import { jsonText } from '../json-text.ts'
import { lockModel } from './models.ts'

export interface StoredGate {
  readonly id: number
  readonly stage: GatedStage
  readonly gate: ModelGate
  readonly createdBy: string
  readonly createdAt: Date
}

/** Most gates of one model. */
const MOST_GATES = 100

/** In the order in which they were added; of one stage, or of all. */
export async function listGates(database: Queryable, modelKey: number, stage?: GatedStage): Promise<StoredGate[]> {
  const { rows } = await database.query<StoredGate>(
    {
      name: 'model-gates',
      text: `select g.id, g.stage, g.gate, g.created_by as "createdBy", g.created_at as "createdAt" from model_gates g
              where g.model_key = $1 and ($2::text is null or g.stage = $2) order by g.id`,
    },
    [modelKey, stage],
  )
  return rows.map((row) => ({ ...row, gate: ModelGate.parse(row.gate) }))
}

/** Throws `not-found` for the model; `conflict` when it has too many. The same gate again is the one there is. */
export async function addGate(
  database: Database,
  model: string,
  stage: GatedStage,
  gate: ModelGate,
  createdBy: string,
): Promise<StoredGate> {
  return database.tx(async (tx) => {
    const key = await lockModel(tx, model)
    const known = await listGates(tx, key, stage)
    const text = jsonText(gate)
    const same = known.find((one) => jsonText(one.gate) === text)
    if (same !== undefined) return same
    if (known.length >= MOST_GATES) {
      throw new SweepError('conflict', `model ${JSON.stringify(model)} has ${MOST_GATES} gates for ${stage} already`)
    }
    const { rows } = await tx.query<{ id: number }>(
      'insert into model_gates (model_key, stage, gate, created_by) values ($1, $2, $3, $4) returning id',
      [key, stage, text, createdBy],
    )
    const stored = (await listGates(tx, key, stage)).find(({ id }) => id === rows[0]?.id)
    if (stored === undefined) throw new Error('a gate vanished while it was stored')
    return stored
  })
}

/** Throws `not-found`. */
export async function removeGate(database: Database, model: string, id: number): Promise<void> {
  await database.tx(async (tx) => {
    const key = await lockModel(tx, model)
    const { rowCount } = await tx.query('delete from model_gates where model_key = $1 and id = $2', [key, id])
    if (rowCount !== 1) {
      throw new SweepError('not-found', `model ${JSON.stringify(model)} has no gate ${id}`, {
        hint: '`sweep model gate ls NAME` lists them.',
      })
    }
  })
}
