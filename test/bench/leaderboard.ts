import { postgresOf, querySql } from '../support/postgres-of.ts'
import { TestServer } from '../support/server.ts'
import { createSweep } from '../support/sweeps.ts'
import { atMost, type Check, figure, quantile } from './check.ts'

const TRIALS = 10_000
const REQUESTS = 100

/** Pages of the leaderboard of a sweep with 10,000 trials, over HTTP. */
export async function leaderboard(): Promise<Check[]> {
  const server = await TestServer.start({ agent: false })
  try {
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 1.0e-5, max: 0.1}
  units: {min: 16, max: 512}
  optimizer: {values: [sgd, adam]}
command: [/bin/true]
`,
    )
    await server.call('POST', `/sweeps/${id}/cancel`)
    await querySql(
      await postgresOf(server),
      `insert into trials (sweep_id, number, state, config, hash, source, reason, end_reason, reports, finite_reports,
         last_value, last_step, best_value, best_step, value, loss, started_at, ended_at)
       select $1, n + 1000, 'completed', jsonb_build_object('lr', random(), 'units', n, 'optimizer', 'adam'), n::text, 'sampler',
         'seeded', 'ran to its end', 100, 100, l, 100, l, 100, l, l, now(), now()
         from (select n, random() as l from generate_series(1, $2::int) n) as seeded`,
      [id, TRIALS],
    )
    const times: number[] = []
    let after = ''
    for (let request = 0; request < REQUESTS; request += 1) {
      const begin = performance.now()
      const page = await server.call<{ rows: unknown[]; next: string | null }>(
        'GET',
        `/sweeps/${id}/leaderboard?limit=50${after}`,
      )
      times.push(performance.now() - begin)
      if (page.rows.length !== 50) throw new Error(`a page of ${page.rows.length} rows`)
      after = page.next ? `&after=${encodeURIComponent(page.next)}` : ''
    }
    return [
      figure('trials', TRIALS, ''),
      atMost('a page of 50, median', quantile(times, 0.5), 'ms', 20),
      atMost('a page of 50, p95', quantile(times, 0.95), 'ms', 50),
    ]
  } finally {
    await server.remove()
  }
}
