import { createHash } from 'node:crypto'
import type { RunId } from '@sweep/spec/ids'
import { ModelName } from '@sweep/spec/models/names'
import { NoteArtifact } from '@sweep/spec/wire/tracking/artifacts'
import type { ModelOrigin } from '@sweep/spec/wire/tracking/models'
import type { Database } from '../database.ts'
import type { ModelVersionRecord } from '../models/version-record.ts'
import { type NewVersion, registerVersion } from '../models/versions.ts'
import { finishObject, reserveObject } from '../objects.ts'
import { noteArtifact } from '../tracking/run-artifacts.ts'
import { sampleRun } from './sample-run.ts'

/** An object that the store has, by what it holds. */
export async function storedObject(database: Database, text: string): Promise<string> {
  const sha256 = createHash('sha256').update(text).digest('hex')
  await reserveObject(database, sha256)
  await finishObject(database, sha256, text.length)
  return sha256
}

/** A file of a run; other text than before is a new version of it. */
export async function sampleFile(database: Database, runId: RunId, path: string, text: string): Promise<string> {
  const sha256 = await storedObject(database, text)
  await noteArtifact(database, runId, NoteArtifact.parse({ path, sha256 }), null)
  return sha256
}

export function originOf(metrics: Readonly<Record<string, number>>, isFinal = true): ModelOrigin {
  const summed = Object.entries(metrics).map(([name, value]) => [
    name,
    {
      last: value,
      lastStep: 1,
      min: Number.isFinite(value) ? value : null,
      max: Number.isFinite(value) ? value : null,
    },
  ])
  return {
    ...{ isFinal, metrics: Object.fromEntries(summed), config: { lr: 0.1 }, dataVersion: null },
    ...{ commit: null, dirty: null, durationMs: 1000 },
  }
}

/** A version of a model, of a run of its own with one file. */
export async function sampleVersion(
  database: Database,
  model: string,
  fields: Partial<NewVersion> = {},
): Promise<ModelVersionRecord> {
  const { id } = await sampleRun(database)
  await sampleFile(database, id, 'models/net/weights', `weights of ${id}`)
  const { version } = await registerVersion(database, {
    ...{ model: ModelName.parse(model), makesModel: true, isSameAgain: true, source: null, framework: null },
    ...{ made: { runId: id, path: 'models/net' }, signature: null, dataVersion: null, description: '', tags: {} },
    ...{ aliases: [], origin: originOf({ acc: 0.5 }), createdBy: 'user:me' },
    ...fields,
  })
  return version
}
