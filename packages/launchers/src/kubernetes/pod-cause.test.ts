import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Job, Pod } from './objects.ts'
import {
  CONFIG_ERROR_MS,
  isUnexplained,
  NODE_LOST_MS,
  podState,
  preemptedExit,
  type Seen,
  stateKey,
} from './pod-cause.ts'

/** Objects as a cluster of version 1.20 showed them, without what we do not read. */
const recorded = JSON.parse(readFileSync(new URL('recorded-objects.json', import.meta.url), 'utf8')) as {
  pods: Record<string, unknown>
  jobs: Record<string, unknown>
}
const pod = (name: string) => Pod.parse(recorded.pods[name])
const job = (name = 'running') => Job.parse(recorded.jobs[name])
const LIMITS = { imageTimeoutMs: 60_000, queue: 'team-a' }

function state(seen: Partial<Seen>) {
  return podState({ job: job(), pod: null, isPodGone: false, endedBy: null, forMs: 0, ...seen }, LIMITS)
}

function exitOf(seen: Partial<Seen>) {
  const found = state(seen)
  if (found.kind !== 'ended') throw new Error(`${found.kind}: ${found.kind === 'waiting' ? found.why : ''}`)
  return found.exit
}

/** A pod of another kind, from a recorded one. */
function changed(name: string, status: object, metadata: object = {}): Pod {
  const base = pod(name)
  return { ...base, metadata: { ...base.metadata, ...metadata }, status: { ...base.status, ...status } }
}

describe('what waits', () => {
  test.each([
    ['gpus', 'no node takes the pod: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'],
    ['novol', 'the container is being made on gpu-node-1'],
    [
      'noimage',
      'the image sweep-test/nothere:1 can\'t be had (ImagePullBackOff): Back-off pulling image "sweep-test/nothere:1"',
    ],
    ['noconfig', 'the container is refused (CreateContainerConfigError): secret "nope" not found'],
  ])('%s', (name, why) => {
    expect(state({ pod: pod(name) })).toEqual({ kind: 'waiting', why })
  })

  test('between two pulls of an image, what kept the last one from it', () => {
    expect(state({ pod: pod('noimage'), pullError: 'unauthorized: log in first' })).toMatchObject({
      why: "the image sweep-test/nothere:1 can't be had (ImagePullBackOff): unauthorized: log in first",
    })
  })

  test('a pod that nobody has looked at', () => {
    const fresh = changed('gpus', { conditions: [] })
    expect(state({ pod: fresh })).toEqual({ kind: 'waiting', why: 'the pod waits for a node' })
  })

  test('a Job without a pod, and one that a queue holds back', () => {
    expect(state({})).toEqual({ kind: 'waiting', why: 'the Job waits for its pod' })
    expect(state({ noPod: 'exceeded quota: gpus' })).toEqual({
      kind: 'waiting',
      why: 'the cluster makes no pod: exceeded quota: gpus',
    })
    expect(state({ job: { ...job(), spec: { suspend: true } } })).toEqual({
      kind: 'waiting',
      why: 'the Job is held back in the queue team-a',
    })
  })

  test('no time makes a pod that finds no node a failure', () => {
    expect(state({ pod: pod('gpus'), forMs: 1e9 }).kind).toBe('waiting')
  })
})

test('a container that runs, and one that is asked to end', () => {
  expect(state({ pod: pod('running') })).toEqual({ kind: 'running' })
  expect(state({ pod: pod('deleting') })).toEqual({ kind: 'running' })
  expect(state({ pod: pod('deleting'), job: null })).toEqual({ kind: 'running' })
})

describe('how a program ended', () => {
  test.each([
    ['ok', { code: 0, signal: null, outOfMemory: false }],
    ['exit3', { code: 3, signal: null, outOfMemory: false }],
    ['oom', { code: null, signal: 'SIGKILL', outOfMemory: true }],
  ])('%s', (name, exit) => {
    expect(exitOf({ pod: pod(name) })).toEqual(exit)
    expect(exitOf({ pod: pod(name), job: null })).toEqual(exit)
  })

  test('a program that is not in the image is a bad command, and the message names both', () => {
    const { failure } = exitOf({ pod: pod('nocmd') })
    expect(failure?.cause).toBe('bad-command')
    expect(failure?.message).toContain('sweep-test/busybox:1')
    expect(failure?.message).toContain('/no/such/program')
  })
})

describe('what the cluster refuses', () => {
  test.each(['noimage', 'pullFails'])('an image that can not be pulled fails after its time: %s', (name) => {
    expect(state({ pod: pod(name), forMs: LIMITS.imageTimeoutMs - 1 }).kind).toBe('waiting')
    const { failure } = exitOf({ pod: pod(name), forMs: LIMITS.imageTimeoutMs })
    expect(failure?.cause).toBe('bad-command')
    expect(failure?.message).toMatch(/^The image sweep-test\/nothere:1 can't be had .* Given up after 1m\.$/)
  })

  test('the two reasons that a pull goes back and forth between are one state', () => {
    expect(stateKey(pod('noimage'))).toBe(stateKey(pod('pullFails')))
    expect(stateKey(pod('noimage'))).not.toBe(stateKey(pod('noconfig')))
  })

  test('a name that no image can have fails at once', () => {
    expect(exitOf({ pod: pod('badimage') }).failure?.message).toContain('UPPER/x:::1')
  })

  test('a configuration error gets a moment', () => {
    expect(state({ pod: pod('noconfig'), forMs: CONFIG_ERROR_MS - 1 }).kind).toBe('waiting')
    expect(exitOf({ pod: pod('noconfig'), forMs: CONFIG_ERROR_MS }).failure).toEqual({
      cause: 'bad-command',
      message: 'The container is refused (CreateContainerConfigError): secret "nope" not found. Given up after 30s.',
    })
  })
})

describe('what the cluster does to a pod', () => {
  test('the deadline of its Job', () => {
    const exit = exitOf({ job: job('deadline'), pod: pod('deadline') })
    expect(exit.failure?.cause).toBe('timeout')
    expect(exitOf({ job: job('deadline'), pod: null, isPodGone: true }).failure?.cause).toBe('timeout')
  })

  test.each([
    ['Evicted', 'The node was low on resource: memory.', 'preempted'],
    ['Preempting', 'Preempted in order to admit critical pod', 'preempted'],
    ['DeadlineExceeded', 'Pod was active on the node longer than the specified deadline', 'timeout'],
    ['NodeLost', 'Node gpu-node-1 which was running pod is unresponsive', 'node-fault'],
    ['NodeShutdown', 'Node is shutting, evicting pods', 'node-fault'],
    ['UnexpectedAdmissionError', 'no healthy devices present', 'node-fault'],
  ])('a pod that failed as %s', (reason, message, cause) => {
    const { failure } = exitOf({ pod: changed('running', { phase: 'Failed', reason, message, containerStatuses: [] }) })
    expect(failure).toEqual({ cause, message: `The cluster ended the pod (${reason}): ${message}` })
  })

  test.each([
    ['PreemptionByScheduler', 'preempted'],
    ['EvictionByEvictionAPI', 'preempted'],
    ['DeletionByTaintManager', 'node-fault'],
    ['SomethingNew', 'node-fault'],
  ])('a pod that is disrupted by %s, whatever its program made of SIGTERM', (reason, cause) => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason, message: 'why' }]
    expect(exitOf({ pod: changed('ok', { conditions }) }).failure).toEqual({
      cause,
      message: `The cluster ended the pod (${reason}): why`,
    })
  })

  test('a pod deleted by hand, whose exit code went with its container', () => {
    expect(exitOf({ pod: pod('deleted') }).failure).toEqual({
      cause: 'node-fault',
      message: 'The pod was deleted by somebody else than this agent.',
    })
    expect(exitOf({ pod: pod('running'), isPodGone: true }).failure?.cause).toBe('node-fault')
    expect(exitOf({ isPodGone: true }).failure?.cause).toBe('node-fault')
  })

  test('only of a pod that was deleted without a word it is asked elsewhere why', () => {
    expect(isUnexplained(exitOf({ pod: pod('deleted') }))).toBe(true)
    expect(isUnexplained(exitOf({ isPodGone: true }))).toBe(true)
    expect(isUnexplained(exitOf({ pod: pod('ok') }))).toBe(false)
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message: 'why' }]
    expect(isUnexplained(exitOf({ pod: changed('ok', { conditions }) }))).toBe(false)
    expect(isUnexplained(preemptedExit('Preempted by a/b on node c'))).toBe(false)
  })

  test('a program that ended with 0 because its pod was deleted has not done its work', () => {
    const deletion = { deletionTimestamp: '2026-11-26T18:40:30Z', deletionGracePeriodSeconds: 30 }
    const ended = (finishedAt: string) =>
      changed('ok', { containerStatuses: [status({ exitCode: 0, finishedAt })] }, deletion)
    expect(exitOf({ pod: ended('2026-11-26T18:40:01Z') }).failure?.cause).toBe('node-fault')
    expect(exitOf({ pod: ended('2026-11-26T18:39:59Z') })).toEqual({ code: 0, signal: null, outOfMemory: false })
  })

  test('a pod that should be gone and is not was on a node that no longer answers', () => {
    const graceMs = 1000 * (pod('deleting').metadata.deletionGracePeriodSeconds ?? 0)
    expect(state({ pod: pod('deleting'), forMs: graceMs + NODE_LOST_MS - 1 }).kind).toBe('running')
    expect(exitOf({ pod: pod('deleting'), forMs: graceMs + NODE_LOST_MS }).failure).toEqual({
      cause: 'node-fault',
      message: 'gpu-node-1 stopped answering.',
    })
  })

  test('a pod on a silent node is waited for as long as it tolerates that', () => {
    expect(state({ pod: pod('silent'), forMs: 59_999 }).kind).toBe('running')
    expect(exitOf({ pod: pod('silent'), forMs: 60_000 }).failure?.message).toBe('gpu-node-1 stopped answering.')
    expect(state({ pod: pod('running'), forMs: 1e9 }).kind).toBe('running')
    expect(stateKey(pod('silent'))).not.toBe(stateKey(pod('running')))
    const gated = { ...pod('silent'), spec: { ...pod('silent').spec, readinessGates: [{}] } }
    expect(state({ pod: gated, forMs: 1e9 }).kind).toBe('running')
  })

  test('a Job that is gone before we asked', () => {
    expect(exitOf({ job: null, pod: pod('running') }).failure?.message).toContain('The Job was deleted')
    expect(exitOf({ job: null }).failure?.message).toContain('The Job was deleted')
  })
})

describe('what we end ourselves', () => {
  test('is not over before its container is', () => {
    expect(state({ endedBy: 'SIGTERM', job: null, pod: pod('running') }).kind).toBe('running')
    expect(state({ endedBy: 'SIGTERM', job: null, pod: pod('deleting') }).kind).toBe('running')
    expect(state({ endedBy: 'SIGTERM', job: null }).kind).toBe('waiting')
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s is told where no exit code was kept', (endedBy) => {
    const exit = { code: null, signal: endedBy, outOfMemory: false }
    expect(exitOf({ endedBy, job: null, pod: pod('deleted') })).toEqual(exit)
    expect(exitOf({ endedBy, job: null, pod: pod('running'), isPodGone: true })).toEqual(exit)
    expect(exitOf({ endedBy, job: null, isPodGone: true })).toEqual(exit)
    expect(exitOf({ endedBy, job: null, pod: pod('deleting'), forMs: 1e6 })).toEqual(exit)
  })

  test('the exit code counts where there is one', () => {
    const deleted = changed('exit3', {}, { deletionTimestamp: '2026-11-26T18:00:00Z' })
    expect(exitOf({ endedBy: 'SIGTERM', job: null, pod: deleted })).toMatchObject({ code: 3, signal: null })
  })
})

function status(terminated: { exitCode: number; finishedAt: string }) {
  return { name: 'train', image: 'sweep-test/busybox:1', state: { terminated } }
}
