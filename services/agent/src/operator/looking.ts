import { isDeepStrictEqual } from 'node:util'
import type { Client } from '@sweep/client/client'
import { KubeError } from '@sweep/launchers/kubernetes/kube-client'
import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import type { SweepDetail } from '@sweep/spec/wire/api'
import type { Logger } from 'pino'
import type { ClusterResources, ResourceEvent } from './cluster-resources.ts'
import type { NewCondition } from './conditions.ts'
import { fileOf, type Resource } from './resource.ts'
import { type Outcome, statusOf } from './status.ts'

/** What a look at a resource takes. */
export interface ReconcileDeps {
  readonly resources: ClusterResources
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
}

/** The status is what the server says. */
export const SYNCED: NewCondition = { status: 'True', reason: 'Synced', message: '' }

/** The status can't be had from the server now; what it was before stands. */
export function unsynced(error: SweepError): Outcome {
  const isAway = error.code === 'unreachable' || error.code === 'unavailable'
  const message = `${error.message}${error.hint === undefined ? '' : `. ${error.hint}`}`
  const Synced: NewCondition = { status: 'False', reason: isAway ? 'ServerAway' : 'ServerRefuses', message }
  return { message, conditions: { Synced }, isObserved: false }
}

export async function findSweep(id: SweepId, { client }: ReconcileDeps): Promise<SweepDetail | undefined> {
  try {
    return await client.getSweep(id)
  } catch (error) {
    if (error instanceof SweepError && error.code === 'not-found') return undefined
    throw error
  }
}

/** Ids are 50 bits of a hash: somebody else's sweep may have this one, by chance or on purpose. */
export function isOurs({ file }: SweepDetail, resource: Resource): boolean {
  return file === fileOf(resource)
}

/** Only where it says something new. */
export async function writeStatus(
  resource: Resource,
  outcome: Outcome,
  { resources, clock }: ReconcileDeps,
): Promise<void> {
  const status = statusOf(resource, outcome, secondsOf(clock))
  if (isDeepStrictEqual(status, resource.status.written)) return
  await resources.writeStatus(resource, status)
}

/** What can't be told is no reason to stop. */
export async function tell(
  resource: Resource,
  event: ResourceEvent,
  { resources, clock, log }: ReconcileDeps,
): Promise<void> {
  try {
    await resources.tell(resource, event, secondsOf(clock))
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    log.warn({ err: error, reason: event.reason }, 'event not made')
  }
}

/** RFC 3339 in whole seconds, as the cluster writes its own times. */
function secondsOf(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`
}
