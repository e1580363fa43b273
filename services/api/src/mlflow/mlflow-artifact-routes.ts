import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, RunId } from '@sweep/spec/ids'
import { RunArtifactPath } from '@sweep/spec/wire/tracking/artifacts'
import { deleteArtifact, listRunArtifacts, noteArtifact, requireArtifact } from '@sweep/store/tracking/run-artifacts'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { attachmentName } from '../artifacts/attachment-name.ts'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { sendObject } from '../objects/object-routes.ts'
import { storeUpload } from '../objects/store-upload.ts'
import { type FolderEntry, listFolder } from './list-folder.ts'
import { artifactRoot } from './mlflow-entities.ts'
import { MlflowError } from './mlflow-error.ts'
import { requireRun } from './mlflow-scope.ts'
import { RunReference, runIdOf } from './mlflow-values.ts'

/** `*` is `<experiment>/<run>/artifacts/<path>`. */
const FilePath = z.object({ '*': z.string().max(4000) })
const Folder = z.object({ path: z.string().max(4000).nullish() })
const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const
/** Clients that see a message begin so send the file whole instead. */
const NO_PARTS = 'Multipart upload is not supported for the current artifact repository'

interface Place {
  readonly run: RunRecord
  /** Empty for all artifacts of the run. */
  readonly path: string
}

export function addMlflowArtifactList(app: App, context: ApiContext): void {
  app.get(
    '/artifacts/list',
    { config: READ, schema: { hide: true, querystring: RunReference.extend(Folder.shape) } },
    async (request) => {
      const run = await requireRun(context, request.principal, runIdOf(request.query))
      const path = checkedPath(request.query.path ?? '')
      const entries = await listFolder(context.database, run.key, path)
      return { root_uri: artifactRoot(run), files: entries.map((entry) => fileInfo(entry, path)) }
    },
  )
}

/** MLflow's proxy for artifacts: its clients put and get files here whose address is `mlflow-artifacts:/…`. */
export function addMlflowArtifactRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.get('/artifacts', { config: READ, schema: { hide: true, querystring: Folder } }, async (request) => {
    const { run, path } = await placeOf(request.principal, request.query.path ?? '')
    // Named from the folder on, unlike the list of a run.
    return { files: (await listFolder(database, run.key, path)).map((entry) => fileInfo(entry, '')) }
  })

  app.get('/artifacts/*', { config: READ, schema: { hide: true, params: FilePath } }, async (request, reply) => {
    const { run, path } = await placeOf(request.principal, request.params['*'])
    const artifact = await requireArtifact(database, run.id, run.key, path, 'latest')
    // Saved, never shown: a page among them would run as one of ours.
    reply.header('content-disposition', attachmentName(path))
    return sendObject(artifact.sha256, reply, context)
  })

  // A scope of its own, so that no other route takes bytes that it does not expect.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))

    scope.put<{ Params: z.output<typeof FilePath> }>(
      '/artifacts/*',
      { config: { ...WRITE, takesBytes: true, takesAnyType: true }, schema: { hide: true, params: FilePath } },
      async (request, reply) => {
        const { run, path } = await placeOf(request.principal, request.params['*']).catch((error: unknown) => {
          // Before gigabytes are sent for nothing; what is on its way is let pass, or the client never reads why.
          reply.header('connection', 'close')
          request.raw.resume()
          throw error
        })
        const { sha256 } = await storeUpload(bodied(request), reply, undefined, context)
        const attemptId = request.principal.kind === 'trial' ? request.principal.attemptId : null
        await noteArtifact(database, run.id, { path, sha256, type: 'file', metadata: {}, aliases: [] }, attemptId)
        return {}
      },
    )
  })

  app.delete('/artifacts/*', { config: WRITE, schema: { hide: true, params: FilePath } }, async (request) => {
    const { run, path } = await placeOf(request.principal, request.params['*'])
    const isFile = path !== '' && (await isThere(run, path))
    if (isFile) await deleteArtifact(database, run.id, path)
    else await deleteFolder(run, path)
    return {}
  })

  app.post('/mpu/*', { config: WRITE, schema: { hide: true } }, async () => {
    throw new MlflowError('NOT_IMPLEMENTED', 501, NO_PARTS)
  })

  /** The run that an address names, which whoever asks may touch, and the path behind it. */
  async function placeOf(principal: Principal, address: string): Promise<Place> {
    const [experiment = '', id = '', folder, ...rest] = address.replace(/\/+$/, '').split('/')
    const ids = z.tuple([ExperimentId, RunId]).safeParse([experiment, id])
    if (!ids.success || folder !== 'artifacts') {
      throw new SweepError('not-found', `no artifacts are kept at ${JSON.stringify(address.slice(0, 200))}`, {
        hint: 'They are at <experiment>/<run>/artifacts/<path>.',
      })
    }
    const run = await requireRun(context, principal, ids.data[1])
    if (run.experimentId !== ids.data[0]) {
      throw new SweepError('not-found', `run ${run.id} is not of experiment ${ids.data[0]}`)
    }
    return { run, path: checkedPath(rest.join('/')) }
  }

  async function isThere(run: RunRecord, path: string): Promise<boolean> {
    const [file] = await listRunArtifacts(database, run.key, { prefix: path, limit: 1 })
    return file?.path === path
  }

  async function deleteFolder(run: RunRecord, path: string): Promise<void> {
    const prefix = path === '' ? '' : `${path}/`
    for (;;) {
      const files = await listRunArtifacts(database, run.key, { prefix, limit: 1000 })
      for (const file of files) await deleteArtifact(database, run.id, file.path)
      if (files.length < 1000) return
    }
  }
}

/** An empty file comes without a body. */
function bodied(request: FastifyRequest): FastifyRequest {
  request.body ??= request.raw
  return request
}

function checkedPath(path: string): string {
  if (path === '') return path
  const found = RunArtifactPath.safeParse(path.replace(/\/+$/, ''))
  if (found.success) return found.data
  throw new SweepError('invalid-request', `path: ${found.error.issues[0]?.message ?? 'is not valid'}`)
}

function fileInfo({ name, isFolder, sizeBytes }: FolderEntry, folder: string): object {
  const path = folder === '' ? name : `${folder}/${name}`
  return isFolder ? { path, is_dir: true } : { path, is_dir: false, file_size: sizeBytes }
}
