import type { Cause } from '@sweep/spec/attempt'
import { formatDuration } from '@sweep/spec/units'
import type { Exit } from '../launcher.ts'
import { exitFromCode } from '../process/exit-from-code.ts'
import type { ContainerStatus, Job, Pod, Terminated } from './objects.ts'

/** A container that is refused for its configuration gets this long: what it refers to may be made a moment later. */
export const CONFIG_ERROR_MS = 30_000
/** A pod that is to be gone and is not after its grace and this long, was on a node that no longer answers. */
export const NODE_LOST_MS = 10_000

export type PodState =
  /** For people: what for. */
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly exit: Exit }

export interface Seen {
  /** Null when the API server knows none of that uid. */
  readonly job: Job | null
  /** The attempt's only pod; null before there is one. */
  readonly pod: Pod | null
  /** Why the cluster makes no pod, as far as it says so. */
  readonly noPod?: string | undefined
  /** What was last said of a pull that failed (`pullError`): the state between two pulls does not repeat it. */
  readonly pullError?: string | undefined
  /** There was a pod and is none any more, or will be none. */
  readonly isPodGone: boolean
  /** Whether it is we who end the attempt; the last signal that was asked for then. */
  readonly endedBy: 'SIGTERM' | 'SIGKILL' | null
  /** How long this state of the pod (its `stateKey`) has been seen, in ms. */
  readonly forMs: number
}

export interface Limits {
  readonly imageTimeoutMs: number
  /** Queue of Kueue, for what is told of a Job that is held back. */
  readonly queue?: string | undefined
}

/** Reasons of a waiting container that end the attempt unless they pass, and how long they may last. */
const REFUSALS: Readonly<Record<string, (limits: Limits) => number>> = {
  ErrImagePull: (limits) => limits.imageTimeoutMs,
  ImagePullBackOff: (limits) => limits.imageTimeoutMs,
  ErrImageNeverPull: (limits) => limits.imageTimeoutMs,
  RegistryUnavailable: (limits) => limits.imageTimeoutMs,
  ImageInspectError: (limits) => limits.imageTimeoutMs,
  InvalidImageName: () => 0,
  CreateContainerConfigError: () => CONFIG_ERROR_MS,
  CreateContainerError: () => CONFIG_ERROR_MS,
  RunContainerError: () => 0,
}

/** Reasons of a failed pod whose program is not to blame: its trial deserves another attempt. */
const POD_FAILURES: Readonly<Record<string, Cause>> = {
  Evicted: 'preempted',
  Preempting: 'preempted',
  Preempted: 'preempted',
  DeadlineExceeded: 'timeout',
}

/** Reasons of the condition DisruptionTarget (Kubernetes 1.26 and newer). */
const DISRUPTIONS: Readonly<Record<string, Cause>> = {
  PreemptionByScheduler: 'preempted',
  EvictionByEvictionAPI: 'preempted',
  TerminationByKubelet: 'preempted',
  DeletionByTaintManager: 'node-fault',
  DeletionByPodGC: 'node-fault',
}

/** What has to stay the same for the time in `Seen.forMs` to run on. */
export function stateKey(pod: Pod | null): string {
  if (pod?.metadata.deletionTimestamp !== undefined) return 'deleted'
  if (pod !== null && isSilent(pod)) return 'silent'
  const refusal = refused(pod)
  // A pull goes back and forth between two reasons.
  return refusal === undefined ? '' : refusal.reason.includes('Image') ? 'image' : refusal.reason
}

/** Where an attempt stands, by what the cluster says of its Job and pod. */
export function podState(seen: Seen, limits: Limits): PodState {
  const { job, pod, endedBy } = seen
  const ended = pod === null ? null : endOf(pod, seen)
  if (ended !== null) return { kind: 'ended', exit: ended }
  if (isPastDeadline(job)) return failed('timeout', 'Older than kubernetes.deadline allows; the cluster ended it.')
  if (seen.isPodGone) return { kind: 'ended', exit: endedBy === null ? disruption(pod) : signalled(endedBy) }
  if (job === null && endedBy === null && pod?.metadata.deletionTimestamp === undefined) {
    return { kind: 'ended', exit: deletedExit('The Job') }
  }
  if (pod === null) {
    const queue = limits.queue === undefined ? '' : ` in the queue ${limits.queue}`
    if (job?.spec.suspend === true) return { kind: 'waiting', why: `the Job is held back${queue}` }
    const why = seen.noPod === undefined ? 'the Job waits for its pod' : `the cluster makes no pod: ${seen.noPod}`
    return { kind: 'waiting', why }
  }
  return waitingOrRunning(pod, seen, limits)
}

/** The training container's own end, or null while it goes on. */
function endOf(pod: Pod, { endedBy, forMs, job }: Seen): Exit | null {
  const terminated = training(pod)?.state.terminated
  const isOver = pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded'
  if (terminated !== undefined && (endedBy !== null || !diedOfDeletion(pod, terminated))) {
    return exitOf(pod, terminated, job)
  }
  if (terminated === undefined && !isOver) {
    if (!isLost(pod, forMs)) return null
    const node = pod.spec.nodeName ?? 'the node'
    return endedBy === null ? failedExit('node-fault', `${node} stopped answering.`) : signalled(endedBy)
  }
  // The kubelet removes a deleted pod's container at once, and its exit code with it.
  if (endedBy !== null) return signalled(endedBy)
  return failureOf(pod, job) ?? disruption(pod)
}

/**
 * Whether the node of a pod answers no more. The cluster waits as long as the pod tolerates that before it deletes it, but
 * not at all while every node is silent; so the same time is counted here.
 */
function isLost(pod: Pod, forMs: number): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
  if (deletionTimestamp !== undefined) return forMs >= 1000 * deletionGracePeriodSeconds + NODE_LOST_MS
  if (!isSilent(pod)) return false
  const tolerated = pod.spec.tolerations.find(({ key }) => key === 'node.kubernetes.io/unreachable')
  return forMs >= 1000 * (tolerated?.tolerationSeconds ?? Number.POSITIVE_INFINITY)
}

/** Its node is not heard of: the cluster calls the pod not ready, while its kubelet last said that it is. */
function isSilent({ spec, status }: Pod): boolean {
  const is = (type: string, value: string) =>
    status.conditions.some((condition) => condition.type === type && condition.status === value)
  return spec.readinessGates.length === 0 && is('Ready', 'False') && is('ContainersReady', 'True')
}

/** A program that ends because its pod was deleted often ends with 0; what it had to do is not done all the same. */
function diedOfDeletion(pod: Pod, { finishedAt }: Terminated): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
  if (deletionTimestamp === undefined) return disruptedBy(pod) !== undefined
  const askedAt = Date.parse(deletionTimestamp) - 1000 * deletionGracePeriodSeconds
  return !(Date.parse(finishedAt ?? '') < askedAt)
}

function exitOf(pod: Pod, terminated: Terminated, job: Job | null): Exit {
  const failure = failureOf(pod, job)
  const exit = { ...exitFromCode(terminated.exitCode), outOfMemory: terminated.reason === 'OOMKilled' }
  if (failure !== undefined) return { ...exit, failure: failure.failure }
  if (terminated.reason === 'ContainerCannotRun' || terminated.reason === 'StartError') {
    const message = `The program can't be started in the image ${imageOf(pod)}: ${terminated.message ?? 'no reason given'}`
    return { ...exit, failure: { cause: 'bad-command', message } }
  }
  return exit
}

/** That the cluster made the pod fail, whatever its program did. */
function failureOf(pod: Pod, job: Job | null): Exit | undefined {
  if (isPastDeadline(job)) return failedExit('timeout', 'Older than kubernetes.deadline allows; the cluster ended it.')
  const { phase, reason, message } = pod.status
  if (phase !== 'Failed' || reason === undefined) return undefined
  const cause = POD_FAILURES[reason] ?? 'node-fault'
  return failedExit(cause, `The cluster ended the pod (${reason})${message === undefined ? '.' : `: ${message}`}`)
}

function waitingOrRunning(pod: Pod, { forMs, pullError: lastPull }: Seen, limits: Limits): PodState {
  const refusal = refused(pod)
  if (refusal !== undefined) {
    const lastsMs = REFUSALS[refusal.reason]?.(limits) ?? 0
    const what = refusal.reason.includes('Image')
      ? `the image ${refusal.image} can't be had`
      : 'the container is refused'
    const said = (refusal.reason === 'ImagePullBackOff' ? lastPull : undefined) ?? refusal.message
    const why = `${what} (${refusal.reason})${said === undefined ? '' : `: ${said}`}`
    if (forMs < lastsMs) return { kind: 'waiting', why }
    const sentence = `${why.charAt(0).toUpperCase()}${why.slice(1)}`
    const tried = lastsMs === 0 ? '' : ` Given up after ${formatDuration(lastsMs)}.`
    return failed('bad-command', `${sentence}.${tried}`)
  }
  if (training(pod)?.state.running !== undefined) return { kind: 'running' }
  const unscheduled = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  if (unscheduled !== undefined) {
    return {
      kind: 'waiting',
      why: `no node takes the pod: ${unscheduled.message ?? unscheduled.reason ?? 'no reason given'}`,
    }
  }
  if (pod.spec.nodeName === undefined) return { kind: 'waiting', why: 'the pod waits for a node' }
  return { kind: 'waiting', why: `the container is being made on ${pod.spec.nodeName}` }
}

/** Why an image could not be pulled just now. */
export function pullError(pod: Pod | null): string | undefined {
  const refusal = refused(pod)
  return refusal?.reason === 'ErrImagePull' ? refusal.message : undefined
}

interface Refusal {
  readonly reason: string
  readonly image: string
  readonly message: string | undefined
}

function refused(pod: Pod | null): Refusal | undefined {
  for (const { image, state } of [
    ...(pod?.status.initContainerStatuses ?? []),
    ...(pod?.status.containerStatuses ?? []),
  ]) {
    const reason = state.waiting?.reason
    if (reason === undefined || REFUSALS[reason] === undefined) continue
    return { reason, image, message: state.waiting?.message }
  }
  return undefined
}

/** The first container of the template is the one that trains; the others may run on. */
function training(pod: Pod): ContainerStatus | undefined {
  const name = pod.spec.containers[0]?.name
  return pod.status.containerStatuses.find((status) => status.name === name)
}

/** Whether the training container has ended, and its node says so. */
export function hasEnded(pod: Pod): boolean {
  return training(pod)?.state.terminated !== undefined
}

/** When the training container began to run, as the cluster spells it. */
export function startOf(pod: Pod | null): string | undefined {
  return (pod === null ? undefined : training(pod)?.state.running?.startedAt) ?? undefined
}

function imageOf(pod: Pod): string {
  return pod.spec.containers[0]?.image ?? ''
}

function isPastDeadline(job: Job | null): boolean {
  return job?.status.conditions.some(({ type, reason }) => type === 'Failed' && reason === 'DeadlineExceeded') ?? false
}

function disruptedBy(pod: Pod) {
  return pod.status.conditions.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True')
}

function disruption(pod: Pod | null): Exit {
  const condition = pod === null ? undefined : disruptedBy(pod)
  if (condition === undefined) return deletedExit('The pod')
  const said = condition.message === undefined ? '.' : `: ${condition.message}`
  return failedExit(
    DISRUPTIONS[condition.reason ?? ''] ?? 'node-fault',
    `The cluster ended the pod (${condition.reason})${said}`,
  )
}

function deletedExit(what: string): Exit {
  return failedExit('node-fault', `${what} was deleted by somebody else than this agent.`)
}

/** Whether a pod was deleted and nothing in it says why, as on Kubernetes before 1.26. */
export function isUnexplained({ failure }: Exit): boolean {
  return failure !== undefined && failure.message === deletedExit('The pod').failure?.message
}

/** @param said of the scheduler, such as `Preempted by default/urgent on node a` */
export function preemptedExit(said: string): Exit {
  return failedExit('preempted', `The cluster ended the pod for one of higher priority: ${said}.`)
}

function signalled(signal: 'SIGTERM' | 'SIGKILL'): Exit {
  return { code: null, signal, outOfMemory: false }
}

function failedExit(cause: Cause, message: string): Exit {
  return { code: null, signal: null, outOfMemory: false, failure: { cause, message } }
}

function failed(cause: Cause, message: string): PodState {
  return { kind: 'ended', exit: failedExit(cause, message) }
}
