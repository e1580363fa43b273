import { judgeGates } from '@sweep/analysis/gates/judge-gates'
import { SweepError } from '@sweep/spec/errors'
import { type MoveOutcome, moveVersion, type VersionMove } from '@sweep/store/models/move-version'
import { listVersions, type ModelVersionRecord } from '@sweep/store/models/version-record'
import type { ApiContext } from '../context.ts'
import { settled } from './collect-origin.ts'

/**
 * Takes a version to another stage, if it passes the gates.
 * @throws SweepError `gates-failed` with what each has found in `details.gates`; `not-found`
 */
export async function moveModel(
  version: ModelVersionRecord,
  move: Omit<VersionMove, 'model' | 'version'>,
  context: ApiContext,
): Promise<MoveOutcome> {
  const { database, log } = context
  // Gates compare what has made this one and what has made that in production, as far as it is known by now.
  const inProduction = await listVersions(database, { model: version.model, stages: ['production'], limit: 1 })
  await Promise.all([version, ...inProduction].map((one) => settled(one, context, true)))
  const outcome = await moveVersion(database, { ...move, model: version.model, version: version.version }, judgeGates)
  const about = { model: version.model, version: version.version, to: move.to, by: move.by }
  if (outcome.kind === 'moved') log.info({ ...about, from: version.stage, forced: move.force }, 'model moved')
  if (outcome.kind !== 'refused' || move.dryRun) return outcome
  log.info(about, 'promotion of a model refused')
  const failed = outcome.gates.filter(({ passed }) => !passed)
  const what = `version ${version.version} of model ${JSON.stringify(version.model)}`
  throw new SweepError(
    'gates-failed',
    `${what} is not promoted to ${move.to}: ${failed.map(({ message }) => message).join('; ')}`,
    {
      hint: 'Nothing was changed. With force and a reason the gates are passed over.',
      details: { gates: outcome.gates },
    },
  )
}
