import { SweepError } from '@sweep/spec/errors'
import { type ChangeProject, type CreateProject, ProjectSettings, Tags } from '@sweep/spec/wire/tracking/projects'
import type { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { isDuplicate } from '../store-error.ts'

export interface ProjectRecord {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly owner: string | null
  readonly team: string | null
  readonly tags: Readonly<Record<string, string>>
  readonly settings: ProjectSettings
  /** How many it has, sweeps included. */
  readonly experiments: number
  readonly createdAt: Date
}

export interface ProjectRow extends Omit<ProjectRecord, 'tags' | 'settings' | 'createdAt'> {
  readonly tags: unknown
  readonly settings: unknown
  readonly created_at: Date
}

export const PROJECT_COLUMNS = `p.id, p.name, p.description, p.owner, p.team, p.tags, p.settings, p.created_at,
  (select count(*) from experiments e where e.project_id = p.id)::int as experiments`

export function projectRecord({ created_at, tags, settings, ...row }: ProjectRow): ProjectRecord {
  return { ...row, tags: Tags.parse(tags), settings: ProjectSettings.parse(settings), createdAt: created_at }
}

/**
 * @returns the project, and whether it was made by this call
 * @throws SweepError `conflict` when there is one of this name and `ifExists` is `refuse`
 */
export async function createProject(
  database: Database,
  project: z.output<typeof CreateProject>,
): Promise<{ readonly project: ProjectRecord; readonly created: boolean }> {
  const name = plainText(project.name)
  const { rows } = await database.query<{ id: number }>(
    {
      name: 'project-create',
      text: `insert into projects (name, description, owner, team, tags, settings) values ($1, $2, $3, $4, $5, $6)
             on conflict (name) do nothing returning id`,
    },
    [
      name,
      plainText(project.description),
      project.owner && plainText(project.owner),
      project.team && plainText(project.team),
      jsonText(project.tags),
      jsonText(project.settings ?? {}),
    ],
  )
  if (rows[0] === undefined && project.ifExists === 'refuse') throw taken(name)
  const stored = await projectNamed(database, name)
  if (stored === undefined) throw new Error(`project ${name} vanished while it was stored`)
  return { project: stored, created: rows[0] !== undefined }
}

/** Throws `not-found`. */
export async function getProject(database: Queryable, id: number): Promise<ProjectRecord> {
  const { rows } = await database.query<ProjectRow>(
    { name: 'project-get', text: `select ${PROJECT_COLUMNS} from projects p where p.id = $1` },
    [id],
  )
  if (rows[0] === undefined) throw new SweepError('not-found', `there is no project ${id}`)
  return projectRecord(rows[0])
}

export async function projectNamed(database: Queryable, name: string): Promise<ProjectRecord | undefined> {
  const { rows } = await database.query<ProjectRow>(
    { name: 'project-named', text: `select ${PROJECT_COLUMNS} from projects p where p.name = $1` },
    [plainText(name)],
  )
  return rows[0] && projectRecord(rows[0])
}

/** By name, at most `limit` of those after `after`. */
export async function listProjects(
  database: Queryable,
  page: { readonly name?: string; readonly after?: string; readonly limit: number },
): Promise<ProjectRecord[]> {
  const { rows } = await database.query<ProjectRow>(
    {
      name: 'project-list',
      text: `select ${PROJECT_COLUMNS} from projects p
              where ($1::text is null or p.name = $1) and ($2::text is null or p.name collate "C" > $2)
              order by p.name collate "C" limit $3`,
    },
    [page.name, page.after, page.limit],
  )
  return rows.map(projectRecord)
}

/** Throws `not-found`; `conflict` for the name of another project. */
export async function changeProject(
  database: Database,
  id: number,
  change: z.output<typeof ChangeProject>,
): Promise<ProjectRecord> {
  const name = change.name === undefined ? null : plainText(change.name)
  const changing = database.tx(async (tx) => {
    const before = await tx.query<{ owner: string | null; team: string | null }>(
      'select owner, team from projects where id = $1 for no key update',
      [id],
    )
    const row = before.rows[0]
    if (row === undefined) throw new SweepError('not-found', `there is no project ${id}`)
    const { set, remove } = tagChange(change.tags)
    await tx.query(
      {
        name: 'project-change',
        text: `update projects set name = coalesce($2, name), description = coalesce($3, description), owner = $4,
                      team = $5, tags = (tags - $6::text[]) || $7, settings = coalesce($8::jsonb, settings)
                where id = $1`,
      },
      [
        id,
        name,
        change.description === undefined ? null : plainText(change.description),
        change.owner === undefined ? row.owner : change.owner && plainText(change.owner),
        change.team === undefined ? row.team : change.team && plainText(change.team),
        remove,
        set,
        change.settings && jsonText(change.settings),
      ],
    )
  })
  await changing.catch((error: unknown) => {
    throw name !== null && isDuplicate(error) ? taken(name) : error
  })
  return getProject(database, id)
}

/** Tags to set, as JSON, and keys to remove. */
export function tagChange(tags: Readonly<Record<string, string | null>> = {}): { set: string; remove: string[] } {
  const entries = Object.entries(tags)
  return {
    set: jsonText(Object.fromEntries(entries.filter(([, value]) => value !== null))),
    remove: entries.flatMap(([key, value]) => (value === null ? [plainText(key)] : [])),
  }
}

function taken(name: string): SweepError {
  return new SweepError('conflict', `there is a project called ${JSON.stringify(name)} already`, {
    hint: 'Choose another name, or ask for the one there is with ifExists: show.',
  })
}
