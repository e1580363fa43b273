import { SweepError } from '@sweep/spec/errors'
import { RunArtifactPath } from '@sweep/spec/wire/tracking/artifacts'
import { type ModelVersionRecord, versionNamed } from '@sweep/store/models/version-record'
import { findLoggedModel } from '@sweep/store/tracking/logged-models'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import { requireRun } from './mlflow-scope.ts'
import { runIdOf } from './mlflow-values.ts'
import { stageOf } from './registry-entities.ts'

/** Where the files of a version are: those of a run, those of another version, or somewhere else. */
export type RegistrySource =
  | { readonly kind: 'run'; readonly run: RunRecord; readonly path: string }
  | { readonly kind: 'version'; readonly version: ModelVersionRecord }
  | { readonly kind: 'elsewhere'; readonly run: RunRecord | undefined }

const RUN = /^runs:\/([^/]+)\/(.+)$/
const ARTIFACTS = /^mlflow-artifacts:(?:\/\/[^/]*)?\/[^/]+\/([^/]+)\/artifacts\/(.+)$/
const LOGGED = /^models:\/(m-[0-9a-z]+)\/?$/
const REGISTERED = /^models:\/([^/@]+)[/@]([^/@]+)$/

/**
 * What the source of a version means, as MLflow's clients write it.
 * @throws SweepError `not-found` for what is not there, `forbidden` for what a trial may not touch
 */
export async function readSource(
  context: ApiContext,
  principal: Principal,
  {
    source,
    runId,
    modelId,
  }: { readonly source: string; readonly runId: string | undefined; readonly modelId: string | undefined },
): Promise<RegistrySource> {
  const { database } = context
  const loggedId = LOGGED.exec(source)?.[1] ?? modelId
  if (loggedId !== undefined) {
    const model = await findLoggedModel(database, loggedId)
    if (model === undefined) throw new SweepError('not-found', `there is no logged model ${JSON.stringify(loggedId)}`)
    return { kind: 'run', run: await requireRun(context, principal, model.runId), path: `models/${model.id}` }
  }
  const [, ofRun, path] = RUN.exec(source) ?? ARTIFACTS.exec(source) ?? []
  if (ofRun !== undefined && path !== undefined) {
    const checked = RunArtifactPath.safeParse(path.replace(/\/+$/, ''))
    if (!checked.success) throw new SweepError('invalid-request', 'source: must not lead out of the files of the run')
    return { kind: 'run', run: await requireRun(context, principal, runIdOf({ run_id: ofRun })), path: checked.data }
  }
  const [, model, version] = REGISTERED.exec(source) ?? []
  if (model !== undefined && version !== undefined) {
    const found = await versionNamed(database, model, stageOf(version) ?? version)
    await requireOwn(context, principal, found)
    return { kind: 'version', version: found }
  }
  return {
    kind: 'elsewhere',
    run: runId === undefined ? undefined : await requireRun(context, principal, runIdOf({ run_id: runId })),
  }
}

/** Throws `forbidden` for a version that no run of the trial has made; users may see all. */
export async function requireOwn(
  context: ApiContext,
  principal: Principal,
  { model, version, runId }: ModelVersionRecord,
): Promise<void> {
  if (principal.kind !== 'trial') return
  if (runId !== null) await requireRun(context, principal, runId)
  else
    throw new SweepError('forbidden', `version ${version} of model ${JSON.stringify(model)} is not one of this trial`)
}
