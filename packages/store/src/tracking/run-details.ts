import { Json } from '@sweep/spec/number'
import { RunResources, RunSource } from '@sweep/spec/wire/tracking/runs'
import { z } from 'zod'
import type { Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'

/** What is large, and shown of single runs only. */
export interface RunDetails {
  readonly notes: string
  readonly message: string | null
  readonly source: RunSource | null
  readonly environment: Readonly<Record<string, Json>>
  readonly resources: RunResources
}

export interface NewDetails {
  readonly notes?: string | undefined
  readonly message?: string | undefined
  readonly source?: RunSource | undefined
  readonly environment?: Readonly<Record<string, Json>> | undefined
}

const WRITE = {
  name: 'run-details-write',
  text: `insert into run_details as d (run_key, notes, message, source, environment)
         values ($1, coalesce($2, ''), $3, $4, $5)
         on conflict (run_key) do update set notes = coalesce($2, d.notes), message = coalesce($3, d.message),
           source = case when $4::jsonb is null then d.source else coalesce(d.source, '{}') || $4 end,
           environment = case when $5::jsonb is null then d.environment else coalesce(d.environment, '{}') || $5 end`,
}

/** Sets what is named; `source` and `environment` key by key. */
export async function writeDetails(tx: Queryable, key: number, details: NewDetails): Promise<void> {
  const { notes, message, source, environment } = details
  if (notes === undefined && message === undefined && source === undefined && environment === undefined) return
  await tx.query(WRITE, [
    key,
    notes === undefined ? null : plainText(notes),
    message === undefined ? null : plainText(message),
    source === undefined ? null : jsonText(source),
    environment === undefined ? null : jsonText(environment),
  ])
}

const READ = {
  name: 'run-details-read',
  // GPU-hours of a trial are those of its attempts, unless somebody has said otherwise.
  text: `select d.notes, d.message, d.source, r.resources,
                coalesce(newest.environment, '{}') || coalesce(d.environment, '{}') as environment,
                case when newest.state = 'ended' then nullif(newest.message, '') end as attempt_message,
                (select sum(a.gpu_seconds) / 3600 from generate_series(1, t.attempts) n
                   join attempts a on a.id = r.id || '-' || n) as gpu_hours
           from runs r left join run_details d on d.run_key = r.key
           left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           left join attempts newest on newest.id = r.id || '-' || t.attempts
          where r.key = $1`,
}

interface DetailsRow {
  readonly notes: string | null
  readonly message: string | null
  readonly source: unknown
  readonly environment: unknown
  readonly resources: unknown
  readonly attempt_message: string | null
  readonly gpu_hours: number | null
}

const Environment = z.record(z.string(), Json)

export async function readDetails(database: Queryable, key: number): Promise<RunDetails> {
  const { rows } = await database.query<DetailsRow>(READ, [key])
  const row = rows[0]
  if (row === undefined) throw new Error(`run with key ${key} vanished`)
  const measured = row.gpu_hours === null ? {} : { gpuHours: row.gpu_hours }
  return {
    notes: row.notes ?? '',
    message: row.message ?? row.attempt_message,
    source: row.source === null ? null : RunSource.parse(row.source),
    environment: Environment.parse(row.environment),
    resources: { ...measured, ...RunResources.parse(row.resources ?? {}) },
  }
}
