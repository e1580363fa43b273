import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { isSweepOver } from '@sweep/spec/sweep-state'
import type { SweepDetail, SweepView } from '@sweep/spec/wire/api'
import type { Conditions, NewCondition } from './conditions.ts'
import { letGo } from './let-go.ts'
import { findSweep, isOurs, type ReconcileDeps, SYNCED, tell, unsynced, writeStatus } from './looking.ts'
import { firstOf, isTheAuthors, listed, problemsOf, textOf } from './problems.ts'
import { renderExperiment } from './render-experiment.ts'
import { renderSweep } from './render-sweep.ts'
import type { Refused, Rendered } from './rendered.ts'
import { type Condition, fileOf, isTooDeep, type Resource, sweepIdOf } from './resource.ts'
import { fixedChanges, limitChanges } from './spec-change.ts'
import { completion } from './status.ts'

/** Where nothing tells of a change: a stream of the server that was missed something, a sweep that was lost. */
const LOOK_AGAIN_MS = 30_000
const MOST_WARNINGS = 50
const ACCEPTED: NewCondition = { status: 'True', reason: 'Accepted', message: '' }

/**
 * One look at a resource and its sweep, which makes true what is not: makes the sweep, changes its limits, cancels it with
 * its resource, and writes down how it fares. Each step may be repeated, and any number of operators may look at once.
 *
 * @returns after how many milliseconds to look again by itself; undefined when only a change of the resource matters
 * @throws whatever keeps it from its work now
 */
export async function reconcile(resource: Resource, deps: ReconcileDeps): Promise<number | undefined> {
  const { metadata, status } = resource
  if (metadata.deletionTimestamp !== undefined) return letGo(resource, deps)
  if (status.observedGeneration === metadata.generation && isSettled(resource)) return undefined
  // First of all, so that no sweep goes on when its resource is deleted at this very moment.
  const held = await deps.resources.hold(resource)
  try {
    return await follow(held, deps)
  } catch (error) {
    if (error instanceof SweepError) await writeStatus(held, unsynced(error), deps)
    throw error
  }
}

/** Over, or refused: nothing but a change of its spec makes a difference. */
function isSettled({ status }: Resource): boolean {
  const has = (type: Condition['type'], wanted: Condition['status']) =>
    status.conditions.some((condition) => condition.type === type && condition.status === wanted)
  return has('Complete', 'True') || (has('Accepted', 'False') && status.sweepId === undefined)
}

async function follow(resource: Resource, deps: ReconcileDeps): Promise<number | undefined> {
  const rendered = render(resource)
  const id = sweepIdOf(resource.metadata.uid)
  const found = await findSweep(id, deps)
  if (found !== undefined)
    return isOurs(found, resource) ? keep(resource, found, rendered, deps) : refuse(resource, taken(id), deps)
  if (resource.status.sweepId !== undefined) return lose(resource, id, deps)
  if ('problems' in rendered) return refuse(resource, rendered.problems, deps)
  return make(resource, id, rendered, deps)
}

function render(resource: Resource): Rendered | Refused {
  if (isTooDeep(resource.spec)) return { problems: ['spec: more than 100 maps and lists stand in each other.'] }
  return resource.kind === 'Sweep' ? renderSweep(resource) : renderExperiment(resource)
}

async function make(
  resource: Resource,
  id: SweepId,
  { document, configs }: Rendered,
  deps: ReconcileDeps,
): Promise<number | undefined> {
  const { client, resources, log } = deps
  let sweep: SweepView
  let warnings: readonly string[] = []
  try {
    const source = JSON.stringify(document)
    const created = await client.createSweep({
      id,
      source,
      file: fileOf(resource),
      workdir: '/',
      configs: [...configs],
    })
    sweep = created.sweep
    warnings = created.warnings.slice(0, MOST_WARNINGS).map(textOf)
  } catch (error) {
    if (isTheAuthors(error)) return refuse(resource, problemsOf(error), deps)
    if (!(error instanceof SweepError && error.code === 'conflict')) throw error
    // Another operator was faster; or what was asked for is in conflict with something else.
    const found = await findSweep(id, deps)
    if (found === undefined) return refuse(resource, problemsOf(error), deps)
    return keep(resource, found, { document, configs }, deps)
  }
  const { namespace, name } = resource.metadata
  log.info({ kind: resource.kind, namespace, name, sweepId: id }, 'sweep created')
  if ((await resources.read(resource)) === undefined) {
    // A resource that another operator let go of meanwhile has nobody left to cancel its sweep.
    await client.controlSweep(id, 'cancel')
    return undefined
  }
  await tell(resource, { type: 'Normal', reason: 'Created', message: `made sweep ${id}` }, deps)
  for (const message of warnings) await tell(resource, { type: 'Warning', reason: 'Noticed', message }, deps)
  return show(resource, sweep, { accepted: ACCEPTED, warnings, isObserved: true }, deps)
}

/** The sweep is there: its limits are made those of the spec, and the status what it is. */
async function keep(
  resource: Resource,
  sweep: SweepDetail,
  rendered: Rendered | Refused,
  deps: ReconcileDeps,
): Promise<number | undefined> {
  const isObserved = resource.metadata.generation === resource.status.observedGeneration
  if (isObserved) return show(resource, sweep, { isObserved }, deps)
  const { view, accepted } = await change(resource, sweep, rendered, deps)
  if (accepted.status === 'False') {
    await tell(resource, { type: 'Warning', reason: accepted.reason, message: accepted.message }, deps)
  }
  return show(resource, view, { accepted, isObserved: true }, deps)
}

async function change(
  resource: Resource,
  sweep: SweepDetail,
  rendered: Rendered | Refused,
  deps: ReconcileDeps,
): Promise<{ view: SweepView; accepted: NewCondition }> {
  const no = (reason: string, message: string) => ({
    view: sweep,
    accepted: { status: 'False', reason, message } as const,
  })
  if ('problems' in rendered) return no('Invalid', listed(rendered.problems))
  const fixed = fixedChanges(resource.kind, sweep.source, rendered.document)
  const anew = `The sweep goes on as it was made. Make another ${resource.kind} for what is to be different.`
  if (fixed.length > 0) return no('CannotChange', `${fixed.join(', ')} can't change once the sweep has begun. ${anew}`)
  try {
    const source = JSON.stringify(rendered.document)
    const { document } = await deps.client.validateSweep({ source, file: fileOf(resource) })
    const changes = limitChanges(sweep, document)
    if (changes === undefined) return { view: sweep, accepted: ACCEPTED }
    const view = await deps.client.changeSweep(sweep.id, changes)
    const message = `changed ${Object.keys(changes).join(', ')} of sweep ${sweep.id}`
    await tell(resource, { type: 'Normal', reason: 'Changed', message }, deps)
    return { view, accepted: ACCEPTED }
  } catch (error) {
    if (isTheAuthors(error)) return no('Invalid', listed(problemsOf(error)))
    if (!(error instanceof SweepError && error.code === 'conflict')) throw error
    return no('CannotChange', 'The sweep is over.')
  }
}

interface Shown {
  /** As it was when absent. */
  readonly accepted?: NewCondition
  readonly warnings?: readonly string[]
  readonly isObserved: boolean
}

async function show(
  resource: Resource,
  sweep: SweepView,
  { accepted, warnings, isObserved }: Shown,
  deps: ReconcileDeps,
): Promise<number | undefined> {
  const trials = resource.kind === 'Experiment' ? (await deps.client.listTrials(sweep.id, { limit: 1000 })).trials : []
  const conditions: Conditions = {
    ...(accepted === undefined ? {} : { Accepted: accepted }),
    Synced: SYNCED,
    Complete: completion(sweep),
  }
  const about = warnings === undefined ? {} : { warnings }
  await writeStatus(resource, { sweep, trials, conditions, isObserved, ...about }, deps)
  if (!isSweepOver(sweep.state)) return LOOK_AGAIN_MS
  const { reason, message, status } = completion(sweep)
  if (resource.status.conditions.find(({ type }) => type === 'Complete')?.status !== status) {
    const type = reason === 'Failed' ? 'Warning' : 'Normal'
    await tell(resource, { type, reason, message: message === '' ? `sweep ${sweep.id} is over` : message }, deps)
  }
  return undefined
}

async function refuse(resource: Resource, problems: readonly string[], deps: ReconcileDeps): Promise<undefined> {
  const message = listed(problems)
  const Accepted: NewCondition = { status: 'False', reason: 'Invalid', message }
  const Complete: NewCondition = { status: 'False', reason: 'Invalid', message: 'There is no sweep.' }
  const conditions = { Accepted, Complete, Synced: SYNCED }
  await writeStatus(resource, { phase: 'Invalid', message: firstOf(problems), conditions, isObserved: true }, deps)
  await tell(resource, { type: 'Warning', reason: 'Invalid', message }, deps)
  return undefined
}

/** It had a sweep, and the server knows of none: not made anew, for nobody can say how far it had come. */
async function lose(resource: Resource, id: SweepId, deps: ReconcileDeps): Promise<number> {
  const message = `The server knows no sweep ${id}: it is another server, or its database was replaced. Delete this ${resource.kind}, and make it anew to begin again.`
  const Synced: NewCondition = { status: 'False', reason: 'Lost', message }
  await writeStatus(resource, { phase: 'Lost', message, conditions: { Synced }, isObserved: false }, deps)
  return LOOK_AGAIN_MS
}

function taken(id: SweepId): string[] {
  return [`The server has a sweep ${id} that is none of this resource. Delete it, and make it anew under any name.`]
}
