import {
  ChangeProject,
  CreateProject,
  ProjectList,
  ProjectSettings,
  ProjectView,
} from '@sweep/spec/wire/tracking/projects'
import {
  changeProject,
  createProject,
  getProject,
  listProjects,
  type ProjectRecord,
} from '@sweep/store/tracking/projects'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'

export const ProjectPath = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) })
const ProjectQuery = z.strictObject({
  name: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(1000).optional(),
})

export function addProjectRoutes(app: App, { database, log }: ApiContext): void {
  app.post(
    '/projects',
    {
      config: { access: 'operator' },
      schema: { summary: 'Make a project', body: CreateProject, response: { 200: ProjectView, 201: ProjectView } },
    },
    async (request, reply) => {
      const { project, created } = await createProject(database, request.body)
      const by = principalName(request.principal)
      if (created) log.info({ project: project.id, by }, 'project created')
      return reply.status(created ? 201 : 200).send(projectView(project))
    },
  )

  app.get(
    '/projects',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Projects by name', querystring: ProjectQuery, response: { 200: ProjectList } },
    },
    async (request) => {
      const { name, limit, after } = request.query
      const found = await listProjects(database, {
        limit: limit + 1,
        ...(name === undefined ? {} : { name }),
        ...(after === undefined ? {} : { after: decodeCursor(after, z.string()) }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { projects: page.map(projectView), next: last === undefined ? null : encodeCursor(last.name) }
    },
  )

  app.get(
    '/projects/:id',
    {
      config: { access: 'viewer' },
      schema: { summary: 'One project', params: ProjectPath, response: { 200: ProjectView } },
    },
    async (request) => projectView(await getProject(database, request.params.id)),
  )

  app.patch(
    '/projects/:id',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change what is named of a project',
        params: ProjectPath,
        body: ChangeProject,
        response: { 200: ProjectView },
      },
    },
    async (request) => projectView(await changeProject(database, request.params.id, request.body)),
  )
}

export function projectView({ createdAt, tags, settings, ...project }: ProjectRecord): ProjectView {
  return {
    ...project,
    tags: { ...tags },
    settings: ProjectSettings.parse(settings),
    createdAt: createdAt.toISOString(),
  }
}
