import type { RunStatus } from '@sweep/spec/tracking/run-status'
import type { HealthReply } from '@sweep/spec/wire/health'
import type {
  ChangeArtifact,
  Lineage,
  NoteArtifact,
  RunArtifactList,
  RunArtifactView,
  UseArtifact,
} from '@sweep/spec/wire/tracking/artifacts'
import type {
  ChangeExperiment,
  CreateExperiment,
  ExperimentList,
  ExperimentStatus,
  ExperimentView,
} from '@sweep/spec/wire/tracking/experiments'
import type { BatchTaken, MetricHistory, MetricSummaries, MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import type { ChangeProject, CreateProject, ProjectList, ProjectView } from '@sweep/spec/wire/tracking/projects'
import type {
  ChangeRun,
  ChangeTags,
  CreateRun,
  EndRun,
  LogParams,
  ParamsLogged,
  RunDetail,
  RunHeartbeat,
  RunList,
  RunView,
  TagsView,
} from '@sweep/spec/wire/tracking/runs'
import type { PageOptions } from './client.ts'
import { decodeHealth } from './decode.ts'
import { decodeHistory, decodeSummaries, encodeBatch } from './decode-tracking.ts'
import type { Http } from './http.ts'

export interface HistoryOptions {
  /** Steps, both included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Where there are more, they come in buckets; 10,000 when absent. */
  readonly points?: number | undefined
}

export interface ExperimentPageOptions extends PageOptions {
  readonly project?: string | undefined
  readonly name?: string | undefined
  readonly kind?: 'sweep' | 'runs' | undefined
  readonly statuses?: readonly ExperimentStatus[] | undefined
}

export interface RunPageOptions extends PageOptions {
  readonly statuses?: readonly RunStatus[] | undefined
  readonly parentRunId?: string | undefined
  readonly deleted?: 'only' | 'include' | 'exclude' | undefined
  readonly archived?: 'only' | 'include' | 'exclude' | undefined
}

/** Projects, experiments and runs. A sweep is an experiment, and `<sweep>-<number>` is the run of a trial. */
export interface Tracking {
  createProject(body: CreateProject): Promise<ProjectView>
  /** By name. `name` keeps the one of exactly that name. */
  listProjects(options?: PageOptions & { name?: string }): Promise<ProjectList>
  getProject(projectId: number): Promise<ProjectView>
  changeProject(projectId: number, changes: ChangeProject): Promise<ProjectView>
  createExperiment(body: CreateExperiment): Promise<ExperimentView>
  /** Newest first. */
  listExperiments(options?: ExperimentPageOptions): Promise<ExperimentList>
  getExperiment(experimentId: string): Promise<ExperimentView>
  changeExperiment(experimentId: string, changes: ChangeExperiment): Promise<ExperimentView>
  /** With an `id` of the caller's making the call may be repeated after any fault. */
  createRun(body: CreateRun): Promise<RunView>
  /** Of one experiment, newest first. */
  listRuns(experimentId: string, options?: RunPageOptions): Promise<RunList>
  getRun(runId: string): Promise<RunDetail>
  changeRun(runId: string, changes: ChangeRun): Promise<RunDetail>
  endRun(runId: string, body?: EndRun): Promise<RunView>
  /** The program of a run lives; whoever sends them has to go on doing so. */
  heartbeat(runId: string): Promise<RunHeartbeat>
  /** It can be restored. */
  deleteRun(runId: string): Promise<RunView>
  /** Puts a run that is over away: it is in no list that does not ask for it. It can be restored. */
  archiveRun(runId: string): Promise<RunView>
  restoreRun(runId: string): Promise<RunView>
  logParams(runId: string, body: LogParams): Promise<ParamsLogged>
  changeTags(runId: string, changes: ChangeTags): Promise<TagsView>
  /** Exactly once with a `writer` whose batches are numbered 1, 2, 3, …: repeat a batch until it is answered. */
  logMetrics(runId: string, batch: MetricsBatch): Promise<BatchTaken>
  /** What every metric has come to. */
  runMetrics(runId: string): Promise<MetricSummaries>
  metricHistory(runId: string, key: string, options?: HistoryOptions): Promise<MetricHistory>
  /** What its metrics have shown to be wrong, what still holds first. */
  runHealth(runId: string): Promise<HealthReply>
  /** The newest version of each file, by path. */
  listRunArtifacts(runId: string, options?: PageOptions & { prefix?: string }): Promise<RunArtifactList>
  /** All versions of one file, newest first. */
  artifactVersions(runId: string, path: string): Promise<RunArtifactList>
  /** Bytes as they come; with `sha256` other bytes are refused. */
  uploadArtifact(
    runId: string,
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    options?: { sha256?: string; type?: string },
  ): Promise<RunArtifactView>
  /** Notes a file whose bytes the object store has. */
  noteArtifact(runId: string, body: NoteArtifact): Promise<RunArtifactView>
  /** The bytes; whoever reads them checks their SHA-256. `version` is a number, an alias, or `latest`. */
  getRunArtifact(runId: string, path: string, version?: string): Promise<AsyncIterable<Uint8Array>>
  changeArtifact(runId: string, path: string, changes: ChangeArtifact, version?: string): Promise<RunArtifactView>
  /** All versions of it. */
  deleteArtifact(runId: string, path: string): Promise<void>
  /** Notes that a run has read a file of another. */
  useArtifact(runId: string, body: UseArtifact): Promise<Lineage>
  lineage(runId: string): Promise<Lineage>
}

export function createTracking(http: Http): Tracking {
  const get = (path: string, query: Query = {}) => http.json({ path, query })
  const post = (path: string, body?: unknown) => http.json({ method: 'POST', path, body })
  const patch = (path: string, body: unknown, query: Query = {}) => http.json({ method: 'PATCH', path, body, query })

  return {
    createProject: async (body) => (await post('/projects', body)) as ProjectView,
    listProjects: async (options) => (await get('/projects', { ...options })) as ProjectList,
    getProject: async (id) => (await get(`/projects/${id}`)) as ProjectView,
    changeProject: async (id, body) => (await patch(`/projects/${id}`, body)) as ProjectView,
    createExperiment: async (body) => (await post('/experiments', body)) as ExperimentView,
    listExperiments: async ({ statuses, ...query } = {}) =>
      (await get('/experiments', { ...query, status: statuses })) as ExperimentList,
    getExperiment: async (id) => (await get(experimentPath(id))) as ExperimentView,
    changeExperiment: async (id, body) => (await patch(experimentPath(id), body)) as ExperimentView,
    createRun: async (body) => (await post('/runs', body)) as RunView,
    listRuns: async (experiment, { statuses, parentRunId, ...query } = {}) =>
      (await get('/runs', { experiment, ...query, status: statuses, parent: parentRunId })) as RunList,
    getRun: async (id) => (await get(runPath(id))) as RunDetail,
    changeRun: async (id, body) => (await patch(runPath(id), body)) as RunDetail,
    endRun: async (id, body) => (await post(`${runPath(id)}/end`, body)) as RunView,
    heartbeat: async (id) => (await post(`${runPath(id)}/heartbeat`)) as RunHeartbeat,
    deleteRun: async (id) => (await http.json({ method: 'DELETE', path: runPath(id) })) as RunView,
    archiveRun: async (id) => (await post(`${runPath(id)}/archive`)) as RunView,
    restoreRun: async (id) => (await post(`${runPath(id)}/restore`)) as RunView,
    logParams: async (id, body) => (await post(`${runPath(id)}/params`, body)) as ParamsLogged,
    changeTags: async (id, body) => (await post(`${runPath(id)}/tags`, body)) as TagsView,
    logMetrics: async (id, batch) => (await post(`${runPath(id)}/metrics/batch`, encodeBatch(batch))) as BatchTaken,
    runMetrics: async (id) => decodeSummaries(await get(`${runPath(id)}/metrics`)),
    metricHistory: async (id, key, options) =>
      decodeHistory(await get(`${runPath(id)}/metrics/${encodeURIComponent(key)}`, { ...options })),
    runHealth: async (id) => decodeHealth(await get(`${runPath(id)}/health`)),
    listRunArtifacts: async (id, options) => (await get(`${runPath(id)}/artifacts`, { ...options })) as RunArtifactList,
    artifactVersions: async (id, path) => (await get(`${runPath(id)}/artifacts`, { path })) as RunArtifactList,
    uploadArtifact: async (id, path, bytes, { sha256, type } = {}) => {
      const call = {
        method: 'PUT',
        path: `${runPath(id)}/artifacts/file`,
        query: { path, sha256, type },
        bytes,
      } as const
      return (await http.json(call)) as RunArtifactView
    },
    noteArtifact: async (id, body) => (await post(`${runPath(id)}/artifacts`, body)) as RunArtifactView,
    getRunArtifact: async (id, path, version) => {
      const { body } = await http.send({ path: `${runPath(id)}/artifacts/file`, query: { path, version } })
      return (body ?? []) as AsyncIterable<Uint8Array>
    },
    changeArtifact: async (id, path, body, version) =>
      (await patch(`${runPath(id)}/artifacts/file`, body, { path, version })) as RunArtifactView,
    deleteArtifact: async (id, path) => {
      await http.json({ method: 'DELETE', path: `${runPath(id)}/artifacts/file`, query: { path } })
    },
    useArtifact: async (id, body) => (await post(`${runPath(id)}/artifacts/uses`, body)) as Lineage,
    lineage: async (id) => (await get(`${runPath(id)}/lineage`)) as Lineage,
  }
}

type Query = NonNullable<Parameters<Http['json']>[0]['query']>

function experimentPath(id: string): string {
  return `/experiments/${encodeURIComponent(id)}`
}

function runPath(id: string): string {
  return `/runs/${encodeURIComponent(id)}`
}
