import type { Readable } from 'node:stream'
import { SweepError } from '@sweep/spec/errors'
import { ProjectImported, TransferFormat } from '@sweep/spec/wire/tracking/transfer'
import { getProject } from '@sweep/store/tracking/projects'
import { z } from 'zod'
import { attachmentName } from '../artifacts/attachment-name.ts'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { addByteRoutes } from '../http/byte-routes.ts'
import { ProjectPath, projectView } from '../tracking/project-routes.ts'
import { exportProject } from './export-project.ts'
import { importProject } from './import-project.ts'

const ExportQuery = z.strictObject({
  format: TransferFormat.default('jsonl'),
  /** `false` leaves the files of runs out. */
  files: z.enum(['true', 'false']).default('true'),
})
const ImportQuery = z.strictObject({
  /** Of the project; that of the archive when absent. */
  name: z.string().min(1).max(200).optional(),
})

/** Whole projects as archives. */
export function addTransferRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.get(
    '/projects/:id/export',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'A whole project as a tar (application/x-tar), made as it is sent; docs/tracking/export.md',
        params: ProjectPath,
        querystring: ExportQuery,
      },
    },
    async (request, reply) => {
      const project = await getProject(database, request.params.id)
      const { format, files } = request.query
      const archive = exportProject(context, project, { format, files: files === 'true' })
      archive.on('error', (error) => log.warn({ err: error, project: project.id }, 'export broke off'))
      reply.header('content-disposition', attachmentName(`${project.name}.tar`))
      return reply.type('application/x-tar').send(archive)
    },
  )

  addByteRoutes(app, (scope) => {
    // One at a time: each holds a connection to Postgres until it is done.
    let last: Promise<unknown> = Promise.resolve()

    scope.post<{ Querystring: z.output<typeof ImportQuery> }>(
      '/projects/import',
      {
        config: { access: 'operator', takesBytes: true },
        schema: {
          summary:
            'Make a project of an exported tar, plain or gzipped (application/octet-stream), whole or not at all',
          querystring: ImportQuery,
          response: { 201: ProjectImported },
        },
      },
      async (request, reply) => {
        const body = request.body as Readable | undefined
        if (body === undefined) throw new SweepError('invalid-request', 'the bytes of the archive are missing')
        const importing = last.then(() => importProject(context, body, request.query.name))
        last = importing.catch(() => undefined)
        try {
          const { projectId, ...counts } = await importing
          log.info({ project: projectId, ...counts, by: principalName(request.principal) }, 'project imported')
          const project = projectView(await getProject(database, projectId))
          return await reply.status(201).send({ project, ...counts })
        } catch (error) {
          // What is still on its way is let pass: a client that is cut off while it sends never reads why.
          reply.header('connection', 'close')
          request.raw.resume()
          throw error
        }
      },
    )
  })
}
