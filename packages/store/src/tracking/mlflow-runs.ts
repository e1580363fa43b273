import type { RunId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText } from '../json-text.ts'
import { lockRun } from './runs.ts'

/** What MLflow's clients note of a run beside what every run has, as they wrote it. */
export interface MlflowExtras {
  readonly inputs: readonly Json[]
  readonly outputs: readonly Json[]
}

/** Most of each; what is older goes. */
const MOST = 1000

const List = z.array(Json)

export async function readExtras(database: Queryable, runKey: number): Promise<MlflowExtras> {
  const { rows } = await database.query<{ inputs: unknown; outputs: unknown }>(
    { name: 'mlflow-run-read', text: 'select inputs, outputs from mlflow_runs where run_key = $1' },
    [runKey],
  )
  return { inputs: List.parse(rows[0]?.inputs ?? []), outputs: List.parse(rows[0]?.outputs ?? []) }
}

/**
 * Adds to what is known of a run; what is there already, to the letter, is not added again.
 * @throws SweepError `not-found`; `conflict` when the run is deleted
 */
export async function addExtras(database: Database, id: RunId, added: MlflowExtras): Promise<void> {
  await database.tx(async (tx) => {
    const { key } = await lockRun(tx, id)
    const known = await readExtras(tx, key)
    await tx.query(
      {
        name: 'mlflow-run-write',
        text: `insert into mlflow_runs (run_key, inputs, outputs) values ($1, $2, $3)
               on conflict (run_key) do update set inputs = excluded.inputs, outputs = excluded.outputs`,
      },
      [key, jsonText(joined(known.inputs, added.inputs)), jsonText(joined(known.outputs, added.outputs))],
    )
  })
}

function joined(known: readonly Json[], added: readonly Json[]): Json[] {
  const texts = new Map([...known, ...added].map((item) => [jsonText(item), item]))
  return [...texts.values()].slice(-MOST)
}
