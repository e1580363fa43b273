import type { RegisterModel } from '@sweep/spec/wire/tracking/models'
import type { ModelVersionRecord } from '@sweep/store/models/version-record'
import { registerVersion } from '@sweep/store/models/versions'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { aboutModel, onlyModel } from './about-model.ts'
import { collectOrigin } from './collect-origin.ts'

export interface Registration extends Omit<z.output<typeof RegisterModel>, 'aliases'> {
  readonly aliases: readonly string[]
  /** As whoever registers it names its place. */
  readonly source: string | null
  readonly makesModel: boolean
  readonly isSameAgain: boolean
  readonly createdBy: string
}

/**
 * Registers files of a run as a version of a model, with what has made it.
 * @throws SweepError `not-found` for the model or the files; `conflict` when the run is deleted, or has several models
 */
export async function registerModel(
  run: RunRecord,
  registration: Registration,
  context: ApiContext,
): Promise<{ readonly version: ModelVersionRecord; readonly created: boolean }> {
  const { name, dataVersion, framework, signature, ...rest } = registration
  const path = registration.path ?? (await onlyModel(run, context))
  const [about, origin] = await Promise.all([aboutModel(run, path, context), collectOrigin(run, context)])
  const registered = await registerVersion(context.database, {
    ...rest,
    model: name,
    made: { runId: run.id, path },
    framework: framework ?? about.framework ?? null,
    signature: signature ?? about.signature ?? null,
    dataVersion: dataVersion ?? null,
    origin,
  })
  if (registered.created) {
    const { version } = registered.version
    context.log.info({ model: name, version, run: run.id, by: registration.createdBy }, 'model registered')
  }
  return registered
}
