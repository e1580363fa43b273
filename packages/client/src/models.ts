import type { ModelStage } from '@sweep/spec/models/stages'
import type {
  AddModelGate,
  ChangeModel,
  ChangeModelVersion,
  CreateModel,
  ModelFileList,
  ModelGateList,
  ModelGateView,
  ModelHistory,
  ModelList,
  ModelVersionList,
  ModelVersionMoved,
  ModelVersionView,
  ModelView,
  MoveModelVersion,
  RegisterModel,
  RollBackModel,
} from '@sweep/spec/wire/tracking/models'
import type { PageOptions } from './client.ts'
import { decodeModelVersion } from './decode-tracking.ts'
import type { Http } from './http.ts'

/**
 * Registered models. `version` is a number, an alias, `latest`, or a stage, which means the newest version in it.
 */
export interface Models {
  create(body: CreateModel): Promise<ModelView>
  /** By name. */
  list(options?: PageOptions): Promise<ModelList>
  get(name: string): Promise<ModelView>
  change(name: string, changes: ChangeModel): Promise<ModelView>
  /** With its versions and its history. */
  remove(name: string): Promise<void>
  /** Files of a run as a version, which begins in dev; the same ones again are the version there is. */
  register(runId: string, body: RegisterModel): Promise<ModelVersionView>
  /** Versions that a run has made. */
  ofRun(runId: string, options?: PageOptions): Promise<ModelVersionList>
  /** Newest first. */
  versions(name: string, options?: PageOptions & { stage?: ModelStage | undefined }): Promise<ModelVersionList>
  version(name: string, version: string): Promise<ModelVersionView>
  changeVersion(name: string, version: string, changes: ChangeModelVersion): Promise<ModelVersionView>
  removeVersion(name: string, version: string): Promise<void>
  /** Throws `gates-failed` with what each gate has found in `details.gates`. */
  move(name: string, version: string, body: MoveModelVersion): Promise<ModelVersionMoved>
  /** Takes the version back into production that was there before. */
  rollBack(name: string, body?: RollBackModel): Promise<ModelVersionMoved>
  files(name: string, version: string): Promise<ModelFileList>
  /** The bytes of one of them; whoever reads them checks their SHA-256. */
  file(name: string, version: string, path: string): Promise<AsyncIterable<Uint8Array>>
  gates(name: string): Promise<ModelGateList>
  addGate(name: string, body: AddModelGate): Promise<ModelGateView>
  removeGate(name: string, id: number): Promise<void>
  setAlias(name: string, alias: string, version: string): Promise<ModelVersionView>
  removeAlias(name: string, alias: string): Promise<void>
  /** What happened to its versions, newest first. */
  history(name: string, options?: PageOptions & { version?: number | undefined }): Promise<ModelHistory>
}

export function createModels(http: Http): Models {
  const get = (path: string, query: Query = {}) => http.json({ path, query })
  const send = (method: 'POST' | 'PUT' | 'PATCH', path: string, body?: unknown) => http.json({ method, path, body })
  const remove = async (path: string) => {
    await http.json({ method: 'DELETE', path })
  }

  return {
    create: async (body) => (await send('POST', '/models', body)) as ModelView,
    list: async (options) => (await get('/models', { ...options })) as ModelList,
    get: async (name) => (await get(modelPath(name))) as ModelView,
    change: async (name, body) => (await send('PATCH', modelPath(name), body)) as ModelView,
    remove: (name) => remove(modelPath(name)),
    register: async (id, body) => decodeModelVersion(await send('POST', `${runPath(id)}/models`, body)),
    ofRun: async (id, options) => decodeVersions(await get(`${runPath(id)}/models`, { ...options })),
    versions: async (name, options) => decodeVersions(await get(`${modelPath(name)}/versions`, { ...options })),
    version: async (name, version) => decodeModelVersion(await get(versionPath(name, version))),
    changeVersion: async (name, version, body) =>
      decodeModelVersion(await send('PATCH', versionPath(name, version), body)),
    removeVersion: (name, version) => remove(versionPath(name, version)),
    move: async (name, version, body) => decodeMoved(await send('POST', `${versionPath(name, version)}/stage`, body)),
    rollBack: async (name, body = {}) => decodeMoved(await send('POST', `${modelPath(name)}/rollback`, body)),
    files: async (name, version) => (await get(`${versionPath(name, version)}/files`)) as ModelFileList,
    file: async (name, version, path) => {
      const { body } = await http.send({ path: `${versionPath(name, version)}/file`, query: { path } })
      return (body ?? []) as AsyncIterable<Uint8Array>
    },
    gates: async (name) => (await get(`${modelPath(name)}/gates`)) as ModelGateList,
    addGate: async (name, body) => (await send('POST', `${modelPath(name)}/gates`, body)) as ModelGateView,
    removeGate: (name, id) => remove(`${modelPath(name)}/gates/${id}`),
    setAlias: async (name, alias, version) =>
      decodeModelVersion(await send('PUT', aliasPath(name, alias), { version })),
    removeAlias: (name, alias) => remove(aliasPath(name, alias)),
    history: async (name, options) => (await get(`${modelPath(name)}/history`, { ...options })) as ModelHistory,
  }
}

type Query = NonNullable<Parameters<Http['json']>[0]['query']>

function decodeVersions(reply: unknown): ModelVersionList {
  const list = reply as ModelVersionList
  return { ...list, versions: list.versions.map(decodeModelVersion) }
}

function decodeMoved(reply: unknown): ModelVersionMoved {
  const moved = reply as ModelVersionMoved
  return { ...moved, version: decodeModelVersion(moved.version) }
}

function runPath(id: string): string {
  return `/runs/${encodeURIComponent(id)}`
}

function modelPath(name: string): string {
  return `/models/${encodeURIComponent(name)}`
}

function versionPath(name: string, version: string): string {
  return `${modelPath(name)}/versions/${encodeURIComponent(version)}`
}

function aliasPath(name: string, alias: string): string {
  return `${modelPath(name)}/aliases/${encodeURIComponent(alias)}`
}
