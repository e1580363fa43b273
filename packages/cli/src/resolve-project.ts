import type { Client } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import type { ProjectView } from '@sweep/spec/wire/tracking/projects'

/** The project of this name. Throws `not-found`, naming those there are. */
export async function resolveProject(client: Client, name: string): Promise<ProjectView> {
  const { projects } = await client.tracking.listProjects({ name })
  if (projects[0] !== undefined) return projects[0]
  const known = (await client.tracking.listProjects({ limit: 10 })).projects.map((project) => project.name)
  throw new SweepError('not-found', `There is no project ${JSON.stringify(name)}.`, {
    hint: known.length === 0 ? 'There is none yet.' : `There are: ${known.join(', ')}. \`sweep project ls\` lists all.`,
  })
}
