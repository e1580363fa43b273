import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import { listRunArtifacts, type RunArtifact } from '@sweep/store/tracking/run-artifacts'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import type { ApiContext } from '../context.ts'
import { MLMODEL, readMlModel } from './read-mlmodel.ts'

/** What the files of a model say of it. */
export interface AboutModel {
  readonly framework?: string
  readonly signature?: Json
}

const READ_AT_ONCE = 1000
const MOST_SHOWN = 5

/**
 * The only model among the files of a run.
 * @throws SweepError `not-found` without one, `conflict` for several
 */
export async function onlyModel(run: RunRecord, { database }: ApiContext): Promise<string> {
  const found = new Set<string>()
  for (let after: string | undefined; ; ) {
    const page = await listRunArtifacts(database, run.key, { limit: READ_AT_ONCE, ...(after && { after }) })
    for (const path of page.flatMap(modelOf)) found.add(path)
    after = page.at(-1)?.path
    if (page.length < READ_AT_ONCE) break
  }
  // A folder that is logged as a model may hold an MLmodel of its own further down.
  const paths = [...found].filter((path) => ![...found].some((other) => path.startsWith(`${other}/`)))
  const [first] = paths
  if (first === undefined) {
    throw new SweepError('not-found', `run ${run.id} has logged no model`, {
      hint: 'Name the file or folder among its files as path.',
    })
  }
  if (paths.length === 1) return first
  const shown = paths.slice(0, MOST_SHOWN).join(', ')
  const more = paths.length > MOST_SHOWN ? `, and ${paths.length - MOST_SHOWN} more` : ''
  throw new SweepError('conflict', `run ${run.id} has logged several models: ${shown}${more}`, {
    hint: 'Name the one that is meant as path.',
  })
}

/** The model that a file belongs to: `models/NAME` where trackers log them, or what has an MLmodel in it. */
function modelOf({ path, type }: RunArtifact): string[] {
  const parts = path.split('/')
  if (type === 'model') return [parts[0] === 'models' && parts.length > 2 ? parts.slice(0, 2).join('/') : path]
  return parts.length > 1 && parts.at(-1) === MLMODEL ? [parts.slice(0, -1).join('/')] : []
}

/** What is said of the files of a model: by whoever logged them, or in MLflow's own file among them. */
export async function aboutModel(run: RunRecord, path: string, context: ApiContext): Promise<AboutModel> {
  const { database, objects, log } = context
  const found = await listRunArtifacts(database, run.key, { prefix: path, limit: READ_AT_ONCE })
  const files = found.filter((file) => file.path === path || file.path.startsWith(`${path}/`))
  const said = files.find(({ metadata }) => metadata['framework'] !== undefined || metadata['signature'] !== undefined)
  if (said !== undefined) {
    const { framework, signature } = said.metadata
    return {
      ...(typeof framework === 'string' ? { framework: framework.slice(0, 500) } : {}),
      ...(signature === undefined ? {} : { signature }),
    }
  }
  const file = files.find((one) => one.path === `${path}/${MLMODEL}`)
  if (file === undefined) return {}
  return readMlModel(file.sha256, file.sizeBytes, objects).catch((err: unknown) => {
    // What it says is not worth a registration.
    log.warn({ err, run: run.id, path: file.path }, 'MLmodel not read')
    return {}
  })
}
