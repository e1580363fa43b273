import { SweepError } from '@sweep/spec/errors'
import { camelCase } from './message-codec.ts'

export type Values = Readonly<Record<string, unknown>>

/** The route of the HTTP API that a method is. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** With fields of the request in braces, spelled as in JSON. */
  readonly path: string
  /** Fields that belong into the query although there is a body; of GET and DELETE all do. */
  readonly query?: readonly string[]
  /** What the route calls a field that is called otherwise in the message. */
  readonly renamed?: Readonly<Record<string, string>>
  /** What else is to be done to the fields of the request, and to the body of the answer. */
  readonly request?: (fields: Values) => Values
  readonly reply?: (body: Values) => Values
}

const RUN_SCOPE = { experimentId: 'experiment', parentRunId: 'parent' }

/** Every method that is one request and one answer. docs/tracking/grpc.md lists them too. */
export const ROUTES: Readonly<Record<string, Route>> = {
  CreateProject: { method: 'POST', path: '/projects' },
  ListProjects: { method: 'GET', path: '/projects' },
  GetProject: { method: 'GET', path: '/projects/{projectId}' },
  ChangeProject: { method: 'PATCH', path: '/projects/{projectId}', request: changes('owner', 'team') },

  CreateExperiment: { method: 'POST', path: '/experiments' },
  ListExperiments: { method: 'GET', path: '/experiments' },
  GetExperiment: { method: 'GET', path: '/experiments/{experimentId}' },
  ChangeExperiment: { method: 'PATCH', path: '/experiments/{experimentId}', request: changes('metric') },
  GetExperimentSummary: { method: 'GET', path: '/experiments/{experimentId}/summary' },

  CreateRun: { method: 'POST', path: '/runs' },
  GetRun: { method: 'GET', path: '/runs/{runId}' },
  // Not the POST of the same: who may read without a token may do so by GET only.
  SearchRuns: { method: 'GET', path: '/runs', renamed: RUN_SCOPE },
  ChangeRun: { method: 'PATCH', path: '/runs/{runId}', request: changes('name', 'group', 'parentRunId') },
  EndRun: { method: 'POST', path: '/runs/{runId}/end' },
  DeleteRun: { method: 'DELETE', path: '/runs/{runId}' },
  ArchiveRun: { method: 'POST', path: '/runs/{runId}/archive' },
  RestoreRun: { method: 'POST', path: '/runs/{runId}/restore' },
  LogParams: { method: 'POST', path: '/runs/{runId}/params' },
  ChangeTags: { method: 'POST', path: '/runs/{runId}/tags' },
  CompareRuns: { method: 'GET', path: '/runs/compare', request: joinedIds, reply: comparison },
  AggregateRuns: { method: 'GET', path: '/runs/aggregate', request: joinedIds },
  GetRunChart: { method: 'POST', path: '/runs/chart', renamed: RUN_SCOPE },
  GetRunHealth: { method: 'GET', path: '/runs/{runId}/health' },

  LogMetrics: { method: 'POST', path: '/runs/{runId}/metrics/batch', request: batch },
  ListMetrics: { method: 'GET', path: '/runs/{runId}/metrics' },
  GetMetricHistory: {
    method: 'GET',
    path: '/runs/{runId}/metrics/{key}',
    renamed: { fromStep: 'from', toStep: 'to' },
  },

  ListArtifacts: { method: 'GET', path: '/runs/{runId}/artifacts' },
  NoteArtifact: { method: 'POST', path: '/runs/{runId}/artifacts' },
  ChangeArtifact: { method: 'PATCH', path: '/runs/{runId}/artifacts/file', query: ['path', 'version'] },
  DeleteArtifact: { method: 'DELETE', path: '/runs/{runId}/artifacts/file' },
  UseArtifact: { method: 'POST', path: '/runs/{runId}/artifacts/uses', renamed: { ofRunId: 'runId' } },
  GetLineage: { method: 'GET', path: '/runs/{runId}/lineage' },
}

/** Of the methods that are streams. */
export const UPLOAD: Route = {
  method: 'PUT',
  path: '/runs/{runId}/artifacts/file',
  query: ['path', 'sha256', 'type'],
}
export const DOWNLOAD: Route = { method: 'GET', path: '/runs/{runId}/artifacts/file' }

/** In JSON null takes a field away; a message has nothing like it, so it names those. */
function changes(...clearable: readonly string[]): (fields: Values) => Values {
  return ({ clear = [], removeTags = [], tags, ...rest }) => {
    const cleared = (clear as readonly string[]).map(camelCase)
    const wrong = cleared.find((name) => !clearable.includes(name) || name in rest)
    if (wrong !== undefined) {
      throw new SweepError('invalid-request', `clear: ${wrong} is set too, or can't be taken away`, {
        hint: `Name some of ${clearable.join(', ')}.`,
      })
    }
    const removed = removeTags as readonly string[]
    const nothing = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, null]))
    return {
      ...rest,
      ...nothing(cleared),
      ...(tags === undefined && removed.length === 0 ? {} : { tags: { ...(tags as Values), ...nothing(removed) } }),
    }
  }
}

function joinedIds({ runIds = [], ...rest }: Values): Values {
  return { ...rest, ids: (runIds as readonly string[]).join(',') }
}

/** Lists of a message have no null in them. */
function comparison({ params, metrics, ...rest }: Values): Values {
  const each = (list: unknown, wrap: (value: unknown) => unknown) =>
    (list as readonly { values: readonly unknown[] }[]).map((one) => ({
      ...one,
      values: one.values.map((value) => (value === null ? {} : { value: wrap(value) })),
    }))
  return {
    ...rest,
    params: each(params, (value) => (value as readonly unknown[])[0]),
    metrics: each(metrics, (value) => value),
  }
}

/** Messages have no empty list and no empty map: what has nothing in it is absent. */
function batch({ points = [], ...rest }: Values): Values {
  return { ...rest, points: (points as readonly Values[]).map((point) => ({ values: {}, ...point })) }
}
