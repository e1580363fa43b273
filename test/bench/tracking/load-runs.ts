import { encodeColumn } from '@sweep/store/points-codec'
import pg from 'pg'

export const METRICS = [
  'train/loss',
  'val_loss',
  'val_accuracy',
  'test/accuracy',
  'lr',
  'grad_norm',
  'epoch_seconds',
  'examples',
  'system/gpu_memory',
  'system/cpu',
] as const
/** One run in a hundred is a long one. */
const LONG_EVERY = 100
const SHORT_STEPS = 180
const LONG_STEPS = 2180
/** On average, over short and long runs: 200 steps of 10 metrics. */
export const POINTS_PER_RUN = (METRICS.length * (SHORT_STEPS * (LONG_EVERY - 1) + LONG_STEPS)) / LONG_EVERY
const RUNS_PER_EXPERIMENT = 500
const CHUNK_POINTS = 1000
/** Different series of each length, which are dealt out to the runs. */
const SERIES = 64

/**
 * Fills a database with runs as they stand when all is packed: half of them trials of sweeps, the others of experiments,
 * with params, tags, summaries and points. Series are packed here, by the store's own codec, and handed out to the runs
 * inside Postgres, so that a hundred million points take a minute and not an hour; what is stored has its true size.
 *
 * @param runs a multiple of 1,000
 */
export async function loadRuns(url: string, runs: number): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query("set synchronous_commit = off; set work_mem = '256MB'")
    await client.query('select setseed(0.5)')
    await client.query('insert into metric_names (name) select unnest($1::text[]) on conflict do nothing', [METRICS])
    await client.query(`insert into projects (name) values ('bench') on conflict do nothing`)
    await client.query(EXPERIMENTS, [runs / RUNS_PER_EXPERIMENT])
    await client.query(SWEEPS)
    await client.query(TRIALS, [RUNS_PER_EXPERIMENT])
    await client.query(RUNS, [RUNS_PER_EXPERIMENT])
    await client.query(STREAMS)
    await client.query(ATTEMPTS)
    await client.query(SUMMARIES, [METRICS, [SHORT_STEPS, LONG_STEPS], LONG_EVERY])
    await loadPoints(client)
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}

const EXPERIMENTS = `
  insert into experiments (id, project_id, name, kind)
  select lpad(n::text, 10, '0'), p.id, 'experiment ' || n, case when n % 2 = 0 then 'sweep' else 'runs' end
    from generate_series(1, $1::int) n, projects p where p.name = 'bench'`

const SWEEPS = `
  insert into sweeps (id, name, state, method, metric_name, metric_goal, metric_summary, priority, seed, queue, shape,
         shape_key, retry_max, retry_lost_max, ended_at)
  select id, name, 'completed', 'random', 'val_loss', 'minimize', 'best', 1, 1, 'default', '{}', '', 0, 0, now()
    from experiments where kind = 'sweep'`

const CONFIG = `jsonb_build_object('lr', round((10 ^ (-5 * random()))::numeric, 8), 'optimizer',
  (array['adam', 'sgd', 'adamw', 'lion'])[1 + floor(random() * 4)::int], 'batch_size', 16 * 2 ^ floor(random() * 5),
  'dropout', round(random()::numeric, 3), 'model.depth', 1 + floor(random() * 24), 'model.width', 64 * (1 + n % 16),
  'model.name', (array['resnet', 'vit', 'mlp'])[1 + n % 3], 'data.split', n % 5, 'amp', n % 2 = 0, 'seed', n)`

const TRIALS = `
  insert into trials (sweep_id, number, state, config, hash, source, reason, end_reason, reports, finite_reports,
         best_value, value, loss, failure, created_at, started_at, ended_at)
  select id, n, state, config, n::text, 'sampler', 'seeded', 'ended', 200, 200, v, v, v,
         case when state = 'failed' then '{}'::jsonb end, at, at, at + interval '1 hour'
    from (select s.id, n, (array['completed', 'completed', 'completed', 'pruned', 'failed'])[1 + n % 5] as state,
                 ${CONFIG} as config, random() as v, now() - random() * interval '300 days' as at
            from sweeps s join experiments e on e.id = s.id and e.name like 'experiment %', generate_series(1, $1::int) n) t`

const RUNS = `
  insert into runs (id, experiment_id, sweep_id, trial, name, group_name, status, params, tags, created_by, created_at,
         started_at, ended_at)
  select case when e.kind = 'sweep' then e.id || '-' || n else '5' || lpad((e.number * 10000 + n)::text, 9, '0') end, e.id,
         case when e.kind = 'sweep' then e.id end, case when e.kind = 'sweep' then n end,
         case when e.kind = 'runs' then 'run ' || n end, 'group ' || n % 10,
         case when e.kind = 'runs' then case when n % 100 = 0 then 'running' when n % 7 = 0 then 'failed' else 'completed' end end,
         coalesce(t.config, ${CONFIG}), jsonb_build_object('team', 'team ' || n % 20, 'owner', 'owner ' || n % 200), 'bench',
         coalesce(t.created_at, now() - random() * interval '300 days'),
         case when e.kind = 'runs' then now() - interval '300 days' end,
         case when e.kind = 'runs' and n % 100 <> 0 then now() - random() * interval '299 days' end
    from (select *, id::int as number from experiments where name like 'experiment %') e
         cross join generate_series(1, $1::int) n left join trials t on t.sweep_id = e.id and t.number = n
   order by random()`

const STREAMS = `
  insert into run_streams (run_key, attempt_key, batches, points, name_ids)
  select key, nextval(pg_get_serial_sequence('attempts', 'key')), 1, 2000, (select array_agg(id) from metric_names)
    from runs where sweep_id is null`

const ATTEMPTS = `
  insert into attempts (id, sweep_id, trial, number, run_key, state, cause, queue_name, batches, points, name_ids, claimed_at,
         started_at, ended_at)
  select id || '-1', sweep_id, trial, 1, key, 'ended', 'succeeded', 'default', 1, 2000,
         (select array_agg(id) from metric_names), now(), now(), now()
    from runs where sweep_id is not null`

const KEYS = `(select run_key, attempt_key from run_streams union all select run_key, key from attempts)`

const SUMMARIES = `
  insert into run_metrics (run_key, name_id, attempt_key, points, last_value, last_step, last_at, min_value, min_step,
         max_value, max_step)
  select k.run_key, n.id, k.attempt_key, steps, v, steps, 1.7e12, v - random(), 3, v + random(), 2
    from (select *, ($2::int[])[case when run_key % $3 = 0 then 2 else 1 end] as steps from ${KEYS} k) k,
         lateral (select id, case when k.run_key % 1000 = 7 then 'NaN' else random() + (k.run_key + id) * 0 end as v
                    from metric_names where name = any($1)) n`

async function loadPoints(client: pg.Client): Promise<void> {
  await client.query('create temp table series (long bool, n int, first int, count int, points bytea)')
  for (const [long, steps] of [
    [false, SHORT_STEPS],
    [true, LONG_STEPS],
  ] as const) {
    for (let n = 0; n < SERIES; n += 1) {
      for (let first = 0; first < steps; first += CHUNK_POINTS) {
        const count = Math.min(CHUNK_POINTS, steps - first)
        const points = Buffer.from(chunk(n, first, count))
        await client.query('insert into series values ($1, $2, $3, $4, $5)', [long, n, first, count, points])
      }
    }
  }
  await client.query('analyze series')
  await client.query(
    `insert into metric_chunks (attempt_key, name_id, first, count, points)
     select k.attempt_key, m.id, s.first, s.count, s.points
       from ${KEYS} k cross join metric_names m
       join series s on s.long = (k.run_key % $2 = 0) and s.n = (k.run_key + m.id) % $3
      where m.name = any($1)`,
    [METRICS, LONG_EVERY, SERIES],
  )
}

/** Curves with full mantissas, a line every second or so. */
function chunk(series: number, first: number, count: number): Uint8Array {
  const steps = Array.from({ length: count }, (_, n) => first + n + 1)
  return encodeColumn({
    steps,
    times: steps.map((step) => 1_700_000_000_000 + step * 1000 + ((step * 37 + series * 11) % 29)),
    values: steps.map((step) => Math.sin(series * 7 + step / 50) / (1 + step / 1000) + 1),
  })
}
