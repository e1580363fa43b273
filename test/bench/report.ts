import { setTimeout as sleep } from 'node:timers/promises'
import { postgresOf, querySql } from '../support/postgres-of.ts'
import { TestServer } from '../support/server.ts'
import { createSweep } from '../support/sweeps.ts'
import { atMost, type Check, figure, quantile } from './check.ts'

const TRIALS = 10_000
const REPORTS = 5
const LOOK_MS = 20

const SOURCE = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
${Array.from({ length: 10 }, (_, n) => `  p${n}: {distribution: log_uniform_values, min: 1.0e-5, max: 1}`).join('\n')}
  units: {min: 16, max: 512}
  optimizer: {values: [sgd, adam]}
command: [/bin/true, "\${args}"]
`

const SEED = `
  with seeded as (
    select n + 1000 as number, random() as l, random() as p, random() < 0.3 as pruned,
           now() - n * interval '1 s' as began from generate_series(1, $2::int) n),
  stored as (
    insert into trials (sweep_id, number, state, config, hash, source, reason, end_reason, reports, finite_reports,
      last_value, last_step, best_value, best_step, value, loss, started_at, ended_at)
    select $1, number, case when pruned then 'pruned' else 'completed' end,
           (select jsonb_object_agg('p' || k, power(10, -5 * (0.001 + 0.998 * random()) + number * 0)) from generate_series(0, 9) k)
             || jsonb_build_object('units', 16 + number % 400, 'optimizer', 'adam'),
           number::text, 'sampler', 'seeded', 'ended', 100, 100, l, 100, l, 100, l + p, l + p, began, began + interval '20 s'
      from seeded),
  tracked as (
    insert into runs (id, experiment_id, sweep_id, trial) select $1 || '-' || number, $1, $1, number from seeded
    returning key, trial)
  insert into attempts (id, sweep_id, trial, number, run_key, queue_name, state, cause, message, seconds, ended_at)
  select $1 || '-' || trial || '-1', $1, trial, 1, key, 'default', 'ended', 'succeeded', 'ok', 20, now() from tracked`

/** The report of a sweep with 10,000 trials and 12 parameters, over HTTP, and what other requests wait meanwhile. */
export async function report(): Promise<Check[]> {
  const server = await TestServer.start({ agent: false })
  try {
    const id = await createSweep(server, SOURCE)
    await server.call('POST', `/sweeps/${id}/cancel`)
    await querySql(await postgresOf(server), SEED, [id, TRIALS])
    const headers = { authorization: `Bearer ${await server.token()}` }
    const times: number[] = []
    const waits: number[] = []
    let bytes = 0
    for (let request = 0; request < REPORTS; request += 1) {
      let isDone = false
      const watching = (async () => {
        while (!isDone) {
          const begin = performance.now()
          await server.call('GET', '/health')
          waits.push(performance.now() - begin)
          await sleep(LOOK_MS)
        }
      })()
      const begin = performance.now()
      const reply = await fetch(`${server.url}/api/v1/sweeps/${id}/report`, { headers })
      if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`)
      bytes = (await reply.arrayBuffer()).byteLength
      times.push(performance.now() - begin)
      isDone = true
      await watching
    }
    return [
      figure('trials', TRIALS, ''),
      figure('first report', times[0] ?? 0, 'ms'),
      figure('later reports, median', quantile(times.slice(1), 0.5), 'ms'),
      atMost('size of the page', bytes / 1e6, 'MB', 2),
      figure('the longest another request waited, first report too', Math.max(...waits), 'ms'),
    ]
  } finally {
    await server.remove()
  }
}
