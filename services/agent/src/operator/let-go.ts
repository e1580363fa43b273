import { KubeError } from '@sweep/launchers/kubernetes/kube-client'
import { SweepError } from '@sweep/spec/errors'
import { isSweepOver } from '@sweep/spec/sweep-state'
import type { SweepView } from '@sweep/spec/wire/api'
import { findSweep, isOurs, type ReconcileDeps, SYNCED, tell, unsynced, writeStatus } from './looking.ts'
import { FINALIZER, type Resource, sweepIdOf } from './resource.ts'

/** While a deleted resource waits for its sweep's Jobs to go, of which nobody tells. */
const LOOK_AT_JOBS_MS = 1000

/** A deleted resource goes when its sweep is over and the last of its Jobs is gone. */
export async function letGo(resource: Resource, deps: ReconcileDeps): Promise<number | undefined> {
  const { client, resources } = deps
  if (!resource.metadata.finalizers.includes(FINALIZER)) return undefined
  const id = sweepIdOf(resource.metadata.uid)
  try {
    const sweep = await findSweep(id, deps)
    if (sweep !== undefined && isOurs(sweep, resource)) {
      if (!isSweepOver(sweep.state)) {
        const view = sweep.state === 'cancelling' ? sweep : await client.controlSweep(id, 'cancel')
        await tell(resource, { type: 'Normal', reason: 'Cancelling', message: `cancels sweep ${id}` }, deps)
        await showGoing(resource, view, 'waits for its trials to end', deps)
        return LOOK_AT_JOBS_MS
      }
      const jobs = await resources.jobsOf(resource, id).catch(async (error: unknown) => {
        if (!(error instanceof KubeError && error.status === 403)) throw error
        await showGoing(resource, sweep, `the operator can't see whether its Jobs are gone: ${error.message}`, deps)
        throw error
      })
      if (jobs.length > 0) {
        await showGoing(resource, sweep, `waits for Jobs to go: ${jobs.slice(0, 3).join(', ')} (${jobs.length})`, deps)
        return LOOK_AT_JOBS_MS
      }
    }
  } catch (error) {
    if (error instanceof SweepError) await writeStatus(resource, unsynced(error), deps)
    throw error
  }
  await resources.letGo(resource)
  return undefined
}

async function showGoing(resource: Resource, sweep: SweepView, what: string, deps: ReconcileDeps): Promise<void> {
  const conditions = { Synced: SYNCED }
  await writeStatus(resource, { sweep, message: `deleted; ${what}`, conditions, isObserved: true }, deps)
}
