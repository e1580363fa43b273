import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, newId, RunId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import { isOver, type RunStatus } from '@sweep/spec/tracking/run-status'
import { changeRun, changeTags } from '@sweep/store/tracking/change-run'
import { addExtras, readExtras } from '@sweep/store/tracking/mlflow-runs'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import { createRun, deleteRun, endRun, getRun, restoreRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { type Principal, principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { mlflowRun, mlflowRunInfo } from './mlflow-entities.ts'
import { logMlflowParams } from './mlflow-params.ts'
import { requireExperiment, requireRun, trialScope } from './mlflow-scope.ts'
import { Int64, listOf, Param, RunReference, recordOf, runIdOf, Tag } from './mlflow-values.ts'

const PARENT = 'mlflow.parentRunId'
const RUN_NAME = 'mlflow.runName'
const HISTORY = 'mlflow.log-model.history'
const HISTORY_CHARACTERS = 8000

const RunName = z.string().max(500).nullish()
const Create = z.object({
  experiment_id: z.string().max(500).nullish(),
  run_name: RunName,
  start_time: Int64.nullish(),
  tags: listOf(Tag, 1000),
})
/** MLflow's enum, by name or by number. */
const STATUS_NAMES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const
const Status = z.enum(STATUS_NAMES).or(
  z
    .int()
    .min(1)
    .max(5)
    .transform((number) => STATUS_NAMES[number - 1] as (typeof STATUS_NAMES)[number]),
)
const STATUSES: Readonly<Record<(typeof STATUS_NAMES)[number], RunStatus>> = {
  RUNNING: 'running',
  SCHEDULED: 'pending',
  FINISHED: 'completed',
  FAILED: 'failed',
  KILLED: 'killed',
}
const Update = RunReference.extend({ status: Status.nullish(), end_time: Int64.nullish(), run_name: RunName })

const Inputs = RunReference.extend({ datasets: listOf(Json, 100), models: listOf(Json, 100) })
const Outputs = RunReference.extend({ models: listOf(Json, 100) })
const ModelNote = RunReference.extend({ model_json: z.string().max(1_000_000) })

const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

/** Runs of ours as MLflow's. */
export function addMlflowRunRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.post('/runs/create', { config: WRITE, schema: { hide: true, body: Create } }, async (request) => {
    const run = await runFor(request.principal, request.body)
    log.info({ run: run.id, experiment: run.experimentId, by: principalName(request.principal) }, 'run created')
    return { run: await wholeRun(run) }
  })

  app.get('/runs/get', { config: READ, schema: { hide: true, querystring: RunReference } }, async (request) => ({
    run: await wholeRun(await requireRun(context, request.principal, runIdOf(request.query))),
  }))

  app.post('/runs/update', { config: WRITE, schema: { hide: true, body: Update } }, async (request) => {
    const { status, end_time: endTime, run_name: name } = request.body
    const run = await requireRun(context, request.principal, runIdOf(request.body))
    if (name != null && name !== '') await changeRun(database, run.id, { name })
    // What becomes of a trial its process decides, when it ends.
    if (status != null && run.trial === null) await move(run, STATUSES[status], endTime ?? undefined)
    return { run_info: mlflowRunInfo(await getRun(database, run.id)) }
  })

  app.post('/runs/delete', { config: WRITE, schema: { hide: true, body: RunReference } }, async (request) => {
    const run = await requireRun(context, request.principal, runIdOf(request.body))
    await deleteRun(database, run.id)
    log.info({ run: run.id, by: principalName(request.principal) }, 'run deleted')
    return {}
  })

  app.post('/runs/restore', { config: WRITE, schema: { hide: true, body: RunReference } }, async (request) => {
    await restoreRun(database, (await requireRun(context, request.principal, runIdOf(request.body))).id)
    return {}
  })

  for (const url of ['/runs/log-parameter', '/runs/log-param']) {
    app.post(
      url,
      { config: WRITE, schema: { hide: true, body: RunReference.extend(Param.shape) } },
      async (request) => {
        const { key, value } = request.body
        await logMlflowParams(context, await requireRun(context, request.principal, runIdOf(request.body)), [
          { key, value },
        ])
        return {}
      },
    )
  }

  app.post(
    '/runs/set-tag',
    { config: WRITE, schema: { hide: true, body: RunReference.extend(Tag.shape) } },
    async (request) => {
      const { key, value } = request.body
      await setTags((await requireRun(context, request.principal, runIdOf(request.body))).id, { [key]: value })
      return {}
    },
  )

  app.post(
    '/runs/delete-tag',
    { config: WRITE, schema: { hide: true, body: RunReference.extend({ key: Tag.shape.key }) } },
    async (request) => {
      const { id } = await requireRun(context, request.principal, runIdOf(request.body))
      await changeTags(database, id, { set: {}, remove: [request.body.key] })
      return {}
    },
  )

  app.post('/runs/log-inputs', { config: WRITE, schema: { hide: true, body: Inputs } }, async (request) => {
    const { id } = await requireRun(context, request.principal, runIdOf(request.body))
    await addExtras(database, id, { inputs: request.body.datasets, outputs: [] })
    return {}
  })

  app.post('/runs/outputs', { config: WRITE, schema: { hide: true, body: Outputs } }, async (request) => {
    const { id } = await requireRun(context, request.principal, runIdOf(request.body))
    await addExtras(database, id, { inputs: [], outputs: request.body.models })
    return {}
  })

  // Before MLflow 3 a model was a tag; its newest entries are kept where all are too long for one.
  app.post('/runs/log-model', { config: WRITE, schema: { hide: true, body: ModelNote } }, async (request) => {
    const run = await requireRun(context, request.principal, runIdOf(request.body))
    const models = [...jsonList(run.tags[HISTORY]), jsonOf(request.body.model_json)]
    while (models.length > 1 && JSON.stringify(models).length > HISTORY_CHARACTERS) models.shift()
    if (JSON.stringify(models).length <= HISTORY_CHARACTERS) {
      await changeTags(database, run.id, { set: { [HISTORY]: JSON.stringify(models) }, remove: [] })
    }
    return {}
  })

  /** The run that was asked for; to a trial's program that of its trial, unless it is to be a child of another. */
  async function runFor(principal: Principal, body: z.output<typeof Create>): Promise<RunRecord> {
    const tags = recordOf(body.tags)
    const { [PARENT]: parent, ...others } = tags
    const name = body.run_name || tags[RUN_NAME]
    const scope = trialScope(principal)
    if (scope !== undefined && parent === undefined) {
      if (name) await changeRun(database, scope.runId, { name })
      await changeTags(database, scope.runId, { set: others, remove: [] })
      return getRun(database, scope.runId)
    }
    const above = parent === undefined ? undefined : await requireRun(context, principal, runIdOf({ run_id: parent }))
    const experiment = await requireExperiment(context, principal, body.experiment_id ?? above?.experimentId ?? '0')
    if (experiment.status === 'archived') {
      throw new SweepError('conflict', `experiment ${experiment.id} is deleted`, { hint: 'Restore it first.' })
    }
    const started = body.start_time == null ? undefined : timeOf(body.start_time, 'start_time')
    const { run } = await createRun(database, {
      ...{
        id: RunId.parse(newId(context.randomBytes)),
        newExperimentId: ExperimentId.parse(newId(context.randomBytes)),
      },
      ...{ experimentId: experiment.id, status: 'running', tags, createdBy: principalName(principal) },
      ...(name ? { name } : {}),
      ...(above === undefined ? {} : { parentRunId: above.id }),
      ...(started === undefined ? {} : { startedAt: started }),
    })
    return run
  }

  async function wholeRun(run: RunRecord): Promise<object> {
    const [metrics, extras] = await Promise.all([runMetrics(database, run.key), readExtras(database, run.key)])
    const latest = metrics.map(({ name, last, lastStep, lastAt }) => ({
      ...{ name, value: last },
      ...{ step: lastStep, at: lastAt },
    }))
    return mlflowRun(run, latest, extras)
  }

  async function move(run: RunRecord, to: RunStatus, endTime: number | undefined): Promise<void> {
    if (to === run.status) return
    if (!isOver(to)) return changeRun(database, run.id, { status: to })
    // MLflow lets a run end twice, with another status: the last word counts.
    if (isOver(run.status)) await changeRun(database, run.id, { status: 'running' })
    await endRun(database, run.id, {
      status: to,
      endedAt: endTime === undefined ? undefined : timeOf(endTime, 'end_time'),
    })
  }

  async function setTags(id: RunId, set: Record<string, string>): Promise<void> {
    await changeTags(database, id, { set, remove: [] })
    if (set[RUN_NAME]) await changeRun(database, id, { name: set[RUN_NAME].slice(0, 500) })
  }
}

/** From milliseconds since 1970. */
function timeOf(ms: number, field: string): string {
  const date = new Date(ms)
  if (!Number.isNaN(date.getTime()) && date.getTime() >= 0 && date.getUTCFullYear() < 10_000) return date.toISOString()
  throw new SweepError('invalid-request', `${field}: ${ms} is no time in milliseconds since 1970`)
}

function jsonList(text: string | undefined): unknown[] {
  const found = text === undefined ? [] : jsonOf(text)
  return Array.isArray(found) ? found : []
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SweepError('invalid-request', 'model_json: is not JSON', { cause })
  }
}
