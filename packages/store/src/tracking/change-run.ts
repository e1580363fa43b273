import { SweepError } from '@sweep/spec/errors'
import type { RunId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import { compareParams, type FlatParams, MOST_PARAMS } from '@sweep/spec/tracking/params'
import { isOver } from '@sweep/spec/tracking/run-status'
import { Tags } from '@sweep/spec/wire/tracking/projects'
import type { ChangeRun, ChangeTags, ParamsLogged } from '@sweep/spec/wire/tracking/runs'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { writeDetails } from './run-details.ts'
import { forgetLoss } from './run-loss.ts'
import { keyOfParent, lockRun, ofTrial } from './runs.ts'

/** Most tags of one run. */
const MOST_TAGS = 1000

const CHANGE = {
  name: 'run-change',
  // Null keeps what there is, so what is to become null is named beside.
  text: `update runs set
           name = case when 'name' = any($2) then $3 else name end,
           group_name = case when 'group' = any($2) then $4 else group_name end,
           parent_key = case when 'parentRunId' = any($2) then $5 else parent_key end,
           resources = case when $6::jsonb is null then resources else coalesce(resources, '{}') || $6 end,
           status = coalesce($7, status),
           started_at = case when $7 = 'running' then coalesce(started_at, now()) else started_at end,
           ended_at = case when $7 is null then ended_at end,
           archived_at = case when $7 is null then archived_at end
          where key = $1`,
}

/**
 * Changes what is named of a run.
 * @throws SweepError `not-found`; `conflict` when it is deleted, for the status or the parent of a trial's run, and for
 *   a parent that would come to be its own ancestor
 */
export async function changeRun(database: Database, id: RunId, change: z.output<typeof ChangeRun>): Promise<void> {
  await database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    if (run.is_trial && change.status !== undefined) throw ofTrial(id, 'its status is that of the trial')
    if (run.is_trial && change.parentRunId !== undefined) throw ofTrial(id, 'it belongs to its sweep')
    if (change.status === 'pending' && isOver(run.status)) {
      throw new SweepError('conflict', `run ${id} is over`, { hint: 'Set its status to running to go on with it.' })
    }
    const parentKey = change.parentRunId == null ? null : await keyOfParent(tx, change.parentRunId)
    if (parentKey !== null) await refuseCircle(tx, id, run.key, parentKey)
    const named = (['name', 'group', 'parentRunId'] as const).filter((field) => change[field] !== undefined)
    await tx.query(CHANGE, [
      run.key,
      named,
      change.name == null ? null : plainText(change.name),
      change.group == null ? null : plainText(change.group),
      parentKey,
      change.resources && jsonText(change.resources),
      change.status,
    ])
    if (change.status === 'running') await forgetLoss(tx, run.key)
    if (run.is_lost && change.status !== undefined) {
      await tx.query('update run_details set message = null where run_key = $1', [run.key])
    }
    const { notes, source, environment } = change
    await writeDetails(tx, run.key, { notes, source, environment })
  })
}

async function refuseCircle(tx: Queryable, id: RunId, key: number, parentKey: number): Promise<void> {
  const { rows } = await tx.query(
    `with recursive above (key) as (
       select $1::int8 union select r.parent_key from above a join runs r on r.key = a.key where r.parent_key is not null)
     select 1 from above where key = $2`,
    [parentKey, key],
  )
  if (rows.length > 0) throw new SweepError('conflict', `run ${id} can't be below itself`)
}

const Flat = z.record(z.string(), Json)

/**
 * Notes params of a run. The same value again is no change.
 * @throws SweepError `not-found`; `conflict` when the run is deleted, and for a param that is known with another value
 *   unless `overwrite` says so: nothing is stored then
 */
export async function logParams(
  database: Database,
  id: RunId,
  logged: FlatParams,
  overwrite: boolean,
): Promise<ParamsLogged> {
  return database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    const known = Flat.parse(run.params ?? {})
    const params = Flat.parse(JSON.parse(jsonText(logged)))
    const { added, changed } = compareParams(known, params)
    if (changed.length > 0 && !overwrite) throw differs(id, known, params, changed)
    if (Object.keys(known).length + added.length > MOST_PARAMS) {
      throw new SweepError('conflict', `run ${id} would have more than ${MOST_PARAMS} params`, {
        hint: 'Log what is large as an artifact.',
      })
    }
    if (added.length + changed.length > 0) {
      const text = jsonText(Object.fromEntries([...added, ...changed].map((name) => [name, params[name] ?? null])))
      await tx.query(
        {
          name: 'run-params',
          text: `update runs r set params = coalesce(r.params,
                   (select t.config from trials t where t.sweep_id = r.sweep_id and t.number = r.trial), '{}') || $2
                  where r.key = $1`,
        },
        [run.key, text],
      )
    }
    return { added, changed }
  })
}

function differs(id: RunId, known: FlatParams, logged: FlatParams, names: readonly string[]): SweepError {
  const [name = ''] = names
  const more = names.length > 1 ? ` (and ${names.length - 1} more)` : ''
  return new SweepError(
    'conflict',
    `param ${JSON.stringify(name)} of run ${id} is ${shown(known[name])} already, not ${shown(logged[name])}${more}`,
    { hint: 'Set overwrite to change it.', details: { names } },
  )
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/**
 * Sets and removes tags; what is removed and set is set.
 * @returns the tags it has now
 * @throws SweepError `not-found`; `conflict` when it is deleted or would have too many
 */
export async function changeTags(
  database: Database,
  id: RunId,
  { set, remove }: z.output<typeof ChangeTags>,
): Promise<Tags> {
  return database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    const { rows } = await tx.query<{ tags: unknown; count: number }>(
      {
        name: 'run-tags',
        text: `update runs set tags = (tags - $2::text[]) || $3 where key = $1
               returning tags, (select count(*) from jsonb_object_keys(tags))::int as count`,
      },
      [run.key, remove.map(plainText), jsonText(set)],
    )
    if ((rows[0]?.count ?? 0) > MOST_TAGS) {
      throw new SweepError('conflict', `run ${id} would have more than ${MOST_TAGS} tags`)
    }
    return Tags.parse(rows[0]?.tags)
  })
}
