import type { SweepId } from '@sweep/spec/ids'
import { GateResult } from '@sweep/spec/models/gates'
import type { EventKind } from '@sweep/spec/webhooks'
import { z } from 'zod'
import type { Queryable } from '../database.ts'
import type { HistoryEntry } from './history.ts'

/** Something that happened to a version of a model, with the run that has made it. */
export interface ModelNews
  extends Pick<HistoryEntry, 'version' | 'from' | 'to' | 'reason' | 'forced' | 'gates' | 'by'> {
  readonly kind: EventKind
  readonly at: Date
  readonly model: string
  /** Null for what no run of ours has made. */
  readonly run: {
    readonly id: string
    readonly experiment: string
    readonly project: string
    readonly sweep: { readonly id: SweepId; readonly name: string } | null
    readonly trial: number | null
  } | null
}

interface Row extends Omit<ModelNews, 'run'> {
  readonly run: string | null
  readonly experiment: string | null
  readonly experiment_name: string | null
  readonly is_sweep: boolean | null
  readonly trial: number | null
  readonly project: string | null
}

const Results = z.array(GateResult)

/** Takes what was noted of models out of the list of what is to be told, oldest first, at most `limit`. */
export async function takeModelNews(tx: Queryable, limit: number): Promise<ModelNews[]> {
  const { rows } = await tx.query<Row>(
    `with taken as (
       delete from event_inbox where id = any(array(
         select id from event_inbox where kind like 'model.%' order by id limit $1))
       returning id, kind, row_id)
     select t.kind, h.at, m.name as model, h.version, h.from_stage as "from", h.to_stage as "to", h.reason, h.forced,
            h.gates, h.by, r.id as run, r.trial, e.id as experiment, e.name as experiment_name,
            e.kind = 'sweep' as is_sweep, p.name as project
       from taken t
       join model_history h on h.id = t.row_id::int8
       join models m on m.key = h.model_key
       left join model_versions v on v.model_key = h.model_key and v.version = h.version
       left join runs r on r.key = v.run_key
       left join experiments e on e.id = r.experiment_id
       left join projects p on p.id = e.project_id
      order by t.id`,
    [limit],
  )
  return rows.map(({ run, experiment, experiment_name: name, is_sweep: isSweep, trial, project, ...news }) => ({
    ...news,
    gates: Results.parse(news.gates),
    run:
      run === null || experiment === null || project === null
        ? null
        : {
            id: run,
            experiment,
            project,
            trial,
            sweep: isSweep ? { id: experiment as SweepId, name: name ?? '' } : null,
          },
  }))
}
