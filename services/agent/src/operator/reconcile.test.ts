import { type Client, createClient } from '@sweep/client/client'
import type { Json } from '@sweep/spec/number'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestApi, TestController, testApi } from '../../../api/src/testing/test-api.ts'
import { ClusterResources } from './cluster-resources.ts'
import { reconcile } from './reconcile.ts'
import { FINALIZER, type Kind, sweepIdOf } from './resource.ts'
import { SmallCluster } from './testing/small-cluster.ts'

let api: TestApi
let cluster: SmallCluster
let client: Client
let uid: string
let uids = 0
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())
beforeEach(async () => {
  cluster = await SmallCluster.start()
  client = createClient({ url: api.api.url, token: api.tokens.operator })
  uids += 1
  uid = `8f1d3c1e-0000-4000-8000-${String(uids).padStart(12, '0')}`
})
afterEach(() => cluster.close())

const SPEC: { readonly [key: string]: Json } = {
  method: 'random',
  metric: { name: 'loss', goal: 'minimize' },
  parameters: { lr: { distribution: 'uniform', min: 0, max: 1 }, optimizer: { values: ['sgd', 'adam'] } },
  command: ['true'],
  run_cap: 4,
  kubernetes: { image: 'my/train:1' },
}
const RUNS: { readonly [key: string]: Json } = {
  template: { image: 'my/train:1', command: ['true'] },
  runs: [
    { name: 'a', parameters: { lr: 0.1 } },
    { name: 'b', parameters: { lr: 0.2 } },
  ],
}

function look(name = 'mine', changes: { client?: Client } = {}) {
  const clock = { now: () => Date.UTC(2026, 0, 2) }
  const deps = { resources: new ClusterResources(cluster.client), client, clock, log: pino({ level: 'silent' }) }
  return reconcile(cluster.seen(name), { ...deps, ...changes })
}

function apply(spec: { readonly [key: string]: Json } = SPEC, kind: Kind = 'Sweep'): void {
  cluster.apply(kind, 'mine', uid, spec)
}

const statusOf = (name = 'mine') => cluster.resources.get(name)?.status ?? {}
const reasons = () => cluster.events.map(({ reason }) => reason)
const ownSweep = () => client.getSweep(sweepIdOf(uid))
const accepted = () => cluster.seen('mine').status.conditions.find(({ type }) => type === 'Accepted')

test('a resource becomes a sweep that holds it, and a look that finds nothing new writes nothing', async () => {
  apply()
  expect(await look()).toBeGreaterThan(0)
  expect(statusOf()).toMatchObject({
    phase: 'Running',
    sweepId: sweepIdOf(uid),
    observedGeneration: 1,
    progress: '0/4',
  })
  expect(cluster.resources.get('mine')?.metadata.finalizers).toEqual([FINALIZER])
  const { resourceVersion } = cluster.seen('mine').metadata
  await look()
  expect(cluster.seen('mine').metadata.resourceVersion).toBe(resourceVersion)
  expect(reasons()).toEqual(['Created'])
})

test('an operator that died after any of its calls leaves what the next one can go on from', async () => {
  apply()
  // Of the calls that change something: the finalizer, the event, the status.
  for (const dies of [1, 2, 3]) {
    let calls = 0
    cluster.before = async (method) => {
      calls += method === 'GET' ? 0 : 1
      cluster.isAway = calls >= dies
    }
    await look().catch(() => undefined)
  }
  cluster.before = async () => undefined
  cluster.isAway = false
  await look()
  expect(statusOf()).toMatchObject({ phase: 'Running', sweepId: sweepIdOf(uid) })
  const { sweeps } = await client.listSweeps({ name: 'mine' })
  expect(sweeps.filter(({ id }) => id === sweepIdOf(uid))).toHaveLength(1)
})

test('a resource that is gone when its sweep has been made takes the sweep with it', async () => {
  apply()
  cluster.before = async (method, path) => {
    // Another operator saw it deleted, found no sweep yet, and let it go.
    if (method === 'GET' && path.endsWith('/mine')) cluster.resources.delete('mine')
  }
  expect(await look()).toBeUndefined()
  expect(await ownSweep()).toMatchObject({ state: 'cancelling' })
})

test('a stale look changes nothing', async () => {
  apply()
  await look()
  const stale = cluster.seen('mine')
  await client.changeSweep(sweepIdOf(uid), { parallelism: 3, budget: { trials: 9 } })
  await look()
  expect(statusOf()).toMatchObject({ progress: '0/9' })
  await client.changeSweep(sweepIdOf(uid), { budget: { trials: 8 } })
  const deps = { resources: new ClusterResources(cluster.client), client, clock: { now: () => 0 } }
  await expect(reconcile(stale, { ...deps, log: pino({ level: 'silent' }) })).rejects.toMatchObject({ status: 409 })
  expect(statusOf()).toMatchObject({ progress: '0/9' })
})

test('what the server refuses stands on the resource, every problem by its key', async () => {
  apply({ ...SPEC, run_cap: -1, metric: { name: 'loss', goal: 'up' } })
  expect(await look()).toBeUndefined()
  expect(statusOf()).toMatchObject({ phase: 'Invalid', observedGeneration: 1 })
  expect(accepted()?.message?.split('\n')).toEqual([
    expect.stringMatching(/^metric\.goal: /),
    expect.stringMatching(/^run_cap: /),
  ])
  expect(cluster.events).toEqual([expect.objectContaining({ reason: 'Invalid', type: 'Warning' })])
  // Nothing but a change of the spec makes a difference, so the server is not even asked.
  expect(await look('mine', { client: createClient({ url: 'http://127.0.0.1:9' }) })).toBeUndefined()
})

test.each<[string, { readonly [key: string]: Json }]>([
  ['nothing', {}],
  ['null for parameters', { ...SPEC, parameters: null }],
  ['a number for a name', { ...SPEC, name: 3 }],
  ['a name of 10,000 characters', { ...SPEC, name: '🎉'.repeat(5000) }],
  ['containers that are no list', { ...SPEC, kubernetes: { image: 'a', template: { spec: { containers: 'x' } } } }],
  ['a key that is not one', JSON.parse('{"__proto__": {"method": "grid"}, "constructor": 1}')],
  ['maps in each other without end', { ...SPEC, env: nested(1000) }],
  ['more than the server takes', { ...SPEC, description: 'x'.repeat(300_000) }],
  ['a snapshot that did not come along', { ...SPEC, code: 'snapshot' }],
])('nonsense is refused on the resource: %s', async (_, spec) => {
  apply(spec)
  expect(await look()).toBeUndefined()
  expect(statusOf()).toMatchObject({ phase: 'Invalid', message: expect.stringMatching(/.+/) })
  expect(String(statusOf()['message']).length).toBeLessThan(2001)
  expect(reasons()).toEqual(['Invalid'])
  await expect(ownSweep()).rejects.toMatchObject({ code: 'not-found' })
})

test('names that are hard to write arrive as they are', async () => {
  const odd = '🎉 "quoted" \'single\' \\ \n $(x) ${y} <b>'
  apply({ ...SPEC, name: odd, parameters: { lr: { values: [odd, 'b'] } }, description: odd })
  await look()
  expect(accepted()).toEqual(expect.objectContaining({ status: 'True' }))
  const { name, document } = await ownSweep()
  expect([name, document.description]).toEqual([odd, odd])
  expect(document.space.parameters).toMatchObject([{ name: 'lr', values: [odd, 'b'] }])
})

test('a spec that asks for something the server can not find is refused, and can be put right', async () => {
  apply({ ...SPEC, method: 'tpe', warm_start: { sweeps: ['nowhere000'] } })
  await look()
  expect(accepted()).toMatchObject({ status: 'False', message: expect.stringContaining('nowhere000') })
  apply()
  await look()
  expect(accepted()).toMatchObject({ status: 'True', observedGeneration: 2 })
})

test('warnings of the server are told, and stay', async () => {
  apply({ ...SPEC, run_cap: 4, entity: 'me' })
  await look()
  await look()
  expect(statusOf()['warnings']).toEqual([expect.stringMatching(/^entity: .*no effect/)])
  expect(reasons()).toEqual(['Created', 'Noticed'])
})

test('a sweep that the server has lost is not made anew', async () => {
  apply()
  await look()
  Object.assign(cluster.resources.get('mine')?.metadata ?? {}, { uid: `${uid.slice(0, -1)}x` })
  expect(await look()).toBeGreaterThan(0)
  expect(statusOf()).toMatchObject({ phase: 'Lost', message: expect.stringContaining('knows no sweep') })
  // It can be deleted all the same.
  cluster.delete('mine')
  await look()
  expect(cluster.resources.has('mine')).toBe(false)
})

test('the sweep of somebody else under the same id is left alone', async () => {
  const source = 'parameters: {lr: {min: 0.0, max: 1.0}}\ncommand: [true]\nmethod: random\n'
  await client.createSweep({ id: sweepIdOf(uid), source, workdir: '/' })
  apply()
  await look()
  expect(statusOf()).toMatchObject({ phase: 'Invalid', message: expect.stringContaining('none of this resource') })
  cluster.delete('mine')
  expect(await ownSweep()).toMatchObject({ state: 'running' })
})

test('a change of a limit is made once, and what a person changed later stands', async () => {
  apply()
  await look()
  apply({ ...SPEC, run_cap: 6, priority: 3 })
  await look()
  expect(await ownSweep()).toMatchObject({ budget: { trials: 6 }, priority: 3 })
  await client.changeSweep(sweepIdOf(uid), { priority: 5 })
  await look()
  expect(await ownSweep()).toMatchObject({ priority: 5 })
  expect(reasons()).toEqual(['Created', 'Changed'])
})

test('a spec that no longer parses, and one whose sweep is over, change nothing', async () => {
  apply()
  await look()
  apply({ ...SPEC, run_cap: 0 })
  await look()
  expect(accepted()).toMatchObject({ status: 'False', reason: 'Invalid' })
  expect(statusOf()).toMatchObject({ phase: 'Running' })
  await client.controlSweep(sweepIdOf(uid), 'cancel')
  apply({ ...SPEC, run_cap: 6 })
  await end()
  await look()
  expect(accepted()).toMatchObject({ status: 'False', reason: 'CannotChange', message: 'The sweep is over.' })
  expect(statusOf()).toMatchObject({ phase: 'Cancelled' })
})

test('an experiment has a trial of each of its runs from the first moment on', async () => {
  apply(RUNS, 'Experiment')
  await look()
  expect(statusOf()).toMatchObject({
    ...{ phase: 'Running', activeRuns: 2, completedRuns: 0 },
    runs: [
      { name: 'a', trial: 1, state: 'queued' },
      { name: 'b', trial: 2, state: 'queued' },
    ],
  })
  apply({ ...RUNS, runs: [{ name: 'c', parameters: { lr: 0.1 } }] }, 'Experiment')
  await look()
  expect(accepted()).toMatchObject({ reason: 'CannotChange', message: expect.stringMatching(/^runs can't change/) })
  // The runs are those that there are, whatever the spec says now.
  expect(statusOf()).toMatchObject({ runs: [{ name: 'a' }, { name: 'b' }] })
})

test('a deleted resource waits for its sweep to end, and for the Jobs of it to go', async () => {
  apply()
  await look()
  await new TestController(api).issue(sweepIdOf(uid), 1)
  cluster.delete('mine')
  await look()
  expect(await ownSweep()).toMatchObject({ state: 'cancelling' })
  expect(statusOf()).toMatchObject({ phase: 'Cancelling', message: 'deleted; waits for its trials to end' })
  await end()
  cluster.jobs = ['sweep-x-1-1']
  expect(await look()).toBeGreaterThan(0)
  expect(statusOf()).toMatchObject({ message: 'deleted; waits for Jobs to go: sweep-x-1-1 (1)' })
  cluster.jobs = 'forbidden'
  await expect(look()).rejects.toMatchObject({ status: 403 })
  expect(statusOf()).toMatchObject({ message: expect.stringContaining("can't see whether its Jobs are gone") })
  cluster.jobs = []
  await look()
  expect(cluster.resources.has('mine')).toBe(false)
  expect(reasons()).toEqual(['Created', 'Cancelling'])
})

test('a resource that never became a sweep is let go of at once', async () => {
  apply({ ...SPEC, run_cap: -1 })
  await look()
  cluster.delete('mine')
  await look()
  expect(cluster.resources.has('mine')).toBe(false)
})

test('a server that is away, and one that refuses us, are told apart on the resource', async () => {
  apply()
  await expect(look('mine', { client: createClient({ url: 'http://127.0.0.1:9' }) })).rejects.toThrow()
  expect(cluster.seen('mine').status.conditions).toMatchObject([
    { type: 'Synced', status: 'False', reason: 'ServerAway' },
  ])
  const stranger = createClient({ url: api.api.url, token: 'swp_user_of_nobody_at_all' })
  await expect(look('mine', { client: stranger })).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(cluster.seen('mine').status.conditions).toMatchObject([{ reason: 'ServerRefuses' }])
  const viewer = createClient({ url: api.api.url, token: api.tokens.viewer })
  await expect(look('mine', { client: viewer })).rejects.toMatchObject({ code: 'forbidden' })
  await look()
  expect(statusOf()).toMatchObject({ phase: 'Running' })
  expect(statusOf()).not.toHaveProperty('message')
})

/** What a controller does when the last trial of a cancelled sweep has ended. */
async function end(): Promise<void> {
  const id = sweepIdOf(uid)
  await api.database.query("update sweeps set state = 'cancelled', ended_at = now() where id = $1", [id])
}

function nested(depth: number): Json {
  let inner: Json = 1
  for (let i = 0; i < depth; i += 1) inner = { a: inner }
  return inner
}
