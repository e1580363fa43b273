import { ExperimentId, newId } from '@sweep/spec/ids'
import {
  ChangeExperiment,
  CreateExperiment,
  EXPERIMENT_STATUSES,
  ExperimentList,
  ExperimentView,
} from '@sweep/spec/wire/tracking/experiments'
import {
  changeExperiment,
  createExperiment,
  type ExperimentRecord,
  getExperiment,
  listExperiments,
} from '@sweep/store/tracking/experiments'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'

const ExperimentPath = z.strictObject({ id: ExperimentId })
const ExperimentQuery = z.strictObject({
  project: z.string().max(200).optional(),
  name: z.string().max(200).optional(),
  kind: z.enum(['sweep', 'runs']).optional(),
  status: z
    .union([z.enum(EXPERIMENT_STATUSES), z.array(z.enum(EXPERIMENT_STATUSES))])
    .transform((statuses) => [statuses].flat())
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(500).optional(),
})
const Position = z.tuple([z.iso.datetime(), z.string()])

export function addExperimentRoutes(app: App, { database, log, randomBytes }: ApiContext): void {
  app.post(
    '/experiments',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Make an experiment for runs; sweeps are made by POST /sweeps',
        body: CreateExperiment,
        response: { 200: ExperimentView, 201: ExperimentView },
      },
    },
    async (request, reply) => {
      const createdBy = principalName(request.principal)
      const id = ExperimentId.parse(newId(randomBytes))
      const { experiment, created } = await createExperiment(database, { ...request.body, id, createdBy })
      if (created) log.info({ experiment: experiment.id, by: createdBy }, 'experiment created')
      return reply.status(created ? 201 : 200).send(experimentView(experiment))
    },
  )

  app.get(
    '/experiments',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Experiments and sweeps, newest first',
        querystring: ExperimentQuery,
        response: { 200: ExperimentList },
      },
    },
    async (request) => {
      const { project, name, kind, status, limit, after } = request.query
      const position = after === undefined ? undefined : decodeCursor(after, Position)
      const found = await listExperiments(database, {
        limit: limit + 1,
        ...(project === undefined ? {} : { project }),
        ...(name === undefined ? {} : { name }),
        ...(kind === undefined ? {} : { kind }),
        ...(status === undefined ? {} : { statuses: status }),
        ...(position === undefined ? {} : { before: { createdAt: new Date(position[0]), id: position[1] } }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      const next = last === undefined ? null : encodeCursor([last.createdAt.toISOString(), last.id])
      return { experiments: page.map(experimentView), next }
    },
  )

  app.get(
    '/experiments/:id',
    {
      config: { access: 'viewer' },
      schema: { summary: 'One experiment', params: ExperimentPath, response: { 200: ExperimentView } },
    },
    async (request) => experimentView(await getExperiment(database, request.params.id)),
  )

  app.patch(
    '/experiments/:id',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change what is named of an experiment',
        params: ExperimentPath,
        body: ChangeExperiment,
        response: { 200: ExperimentView },
      },
    },
    async (request) => experimentView(await changeExperiment(database, request.params.id, request.body)),
  )
}

function experimentView({ createdAt, tags, metric, ...experiment }: ExperimentRecord): ExperimentView {
  return {
    ...experiment,
    tags: { ...tags },
    metric: metric === null ? null : { ...metric },
    createdAt: createdAt.toISOString(),
  }
}
