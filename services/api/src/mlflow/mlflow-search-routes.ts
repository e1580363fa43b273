import { SweepError } from '@sweep/spec/errors'
import type { Filter } from '@sweep/spec/filter/filter'
import { parseFilter, parseOrder } from '@sweep/spec/filter/parse-filter'
import { searchRuns } from '@sweep/store/run-search/search-runs'
import { type ExperimentFilter, type ExperimentRecord, listExperiments } from '@sweep/store/tracking/experiments'
import { latestMetrics } from '@sweep/store/tracking/latest-metrics'
import { summariseAttempt } from '@sweep/store/tracking/summarise'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { matchesExperiment } from './match-experiment.ts'
import { mlflowExperiment, mlflowRun } from './mlflow-entities.ts'
import { requireExperiment, trialScope, withinScope } from './mlflow-scope.ts'
import { Int64, ViewType } from './mlflow-values.ts'

/** MLflow's own limits. */
const MOST_RUNS = 50_000
const DEFAULT_RESULTS = 1000
/** Experiments that are read at a time while a filter is looked for. */
const READ_AT_ONCE = 1000
const MOST_EXPERIMENTS = 1000

const Text = z.string().max(65_536).nullish()
const Texts = z
  .union([
    z.array(z.string().max(2000)).max(100),
    z
      .string()
      .max(2000)
      .transform((one) => [one]),
  ])
  .nullish()
  .transform((list) => list ?? [])
const results = (most: number) =>
  Int64.nullish()
    .transform((value) => value ?? DEFAULT_RESULTS)
    .refine((value) => value >= 1 && value <= most, { error: `must lie between 1 and ${most}` })

const RunSearch = z.object({
  experiment_ids: Texts,
  filter: Text,
  run_view_type: ViewType,
  max_results: results(MOST_RUNS),
  order_by: Texts,
  page_token: Text,
})
const ExperimentSearch = z.object({
  filter: Text,
  view_type: ViewType,
  max_results: results(MOST_RUNS),
  order_by: Texts,
  page_token: Text,
})
const Position = z.tuple([z.iso.datetime(), z.string()])
const DELETED = { ACTIVE_ONLY: 'exclude', DELETED_ONLY: 'only', ALL: 'include' } as const
const READ = { access: 'mlflow-read' } as const

export function addMlflowSearchRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.post('/runs/search', { config: READ, schema: { hide: true, body: RunSearch } }, async (request) => {
    const { experiment_ids: ids, filter: text, run_view_type: view, max_results: limit, order_by: order } = request.body
    const { principal } = request
    if (ids.length === 0) return { runs: [] }
    const experiments = await Promise.all(ids.map((id) => requireExperiment(context, principal, id)))
    const scope = trialScope(principal)
    // A program looks for what it has just logged.
    if (principal.kind === 'trial') await summariseAttempt(database, principal.attemptId)
    const asked = text == null || text.trim() === '' ? undefined : parseFilter(text)
    const among = experiments.length === 1 ? asked : both(amongExperiments(experiments), asked)
    const found = await searchRuns(database, {
      filter: scope === undefined ? among : withinScope(scope, among),
      order: order.length === 0 ? [] : parseOrder(order.join(', ')),
      experimentId: experiments.length === 1 ? experiments[0]?.id : undefined,
      deleted: DELETED[view],
      archived: view === 'ACTIVE_ONLY' ? 'exclude' : 'include',
      limit,
      after: request.body.page_token || undefined,
    })
    const metrics = await latestMetrics(
      database,
      found.runs.map((run) => run.key),
    )
    return {
      runs: found.runs.map((run) => mlflowRun(run, metrics.get(run.key) ?? [], { inputs: [], outputs: [] })),
      ...(found.next === null ? {} : { next_page_token: found.next }),
    }
  })

  const search = async (body: z.output<typeof ExperimentSearch>, own: ExperimentRecord | undefined) => {
    const { filter: text, view_type: view, max_results: limit, order_by: order, page_token: token } = body
    refuseOrder(order)
    const filter = text == null || text.trim() === '' ? undefined : parseFilter(text)
    const wanted = {
      ...(view === 'ALL'
        ? {}
        : view === 'DELETED_ONLY'
          ? { statuses: ['archived'] }
          : { statuses: ['active', 'completed'] }),
    } as Pick<ExperimentFilter, 'statuses'>
    if (own !== undefined) {
      const isShown =
        wanted.statuses?.includes(own.status) !== false && (filter === undefined || matchesExperiment(filter, own))
      return { experiments: isShown ? [mlflowExperiment(own)] : [] }
    }
    const found: ExperimentRecord[] = []
    const position = token ? decodeCursor(token, Position) : undefined
    let before = position && { createdAt: new Date(position[0]), id: position[1] }
    const most = Math.min(limit, MOST_EXPERIMENTS)
    for (;;) {
      const page = await listExperiments(database, { ...wanted, ...(before && { before }), limit: READ_AT_ONCE })
      found.push(...page.filter((one) => filter === undefined || matchesExperiment(filter, one)))
      const last = page.at(-1)
      if (found.length > most || last === undefined || page.length < READ_AT_ONCE) break
      before = { createdAt: last.createdAt, id: last.id }
    }
    const shown = found.slice(0, most)
    const last = found.length > most ? shown.at(-1) : undefined
    return {
      experiments: shown.map(mlflowExperiment),
      ...(last === undefined ? {} : { next_page_token: encodeCursor([last.createdAt.toISOString(), last.id]) }),
    }
  }

  app.post('/experiments/search', { config: READ, schema: { hide: true, body: ExperimentSearch } }, async (request) => {
    const scope = trialScope(request.principal)
    return search(request.body, scope && (await requireExperiment(context, request.principal, scope.sweepId)))
  })

  // `list` is what it was called before; its clients ask for nothing but the view.
  for (const url of ['/experiments/search', '/experiments/list']) {
    app.get(url, { config: READ, schema: { hide: true, querystring: ExperimentSearch } }, async (request) => {
      const scope = trialScope(request.principal)
      return search(request.query, scope && (await requireExperiment(context, request.principal, scope.sweepId)))
    })
  }
}

function amongExperiments(experiments: readonly ExperimentRecord[]): Filter {
  const values = experiments.map(({ id }) => id)
  return { kind: 'in', field: { kind: 'attribute', name: 'experiment' }, negated: false, values }
}

function both(first: Filter, second: Filter | undefined): Filter {
  return second === undefined ? first : { kind: 'and', parts: [first, second] }
}

/** Newest first is the only order there is. */
function refuseOrder(order: readonly string[]): void {
  const wrong = order.find((term) => !/^(creation_time|last_update_time|experiment_id)\s+desc$/i.test(term.trim()))
  if (wrong === undefined) return
  throw new SweepError('invalid-request', `order_by: experiments can't be ordered by ${JSON.stringify(wrong)}`, {
    hint: 'They come newest first, which is creation_time DESC.',
  })
}
