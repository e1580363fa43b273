import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { hasCluster, TestCluster, TURN_MS, WITHOUT_CLUSTER } from '../support/cluster.ts'
import { expectConsistent } from '../support/consistent.ts'
import { BUSYBOX } from '../support/docker.ts'
import { TestOperator, TestProxy } from '../support/operator.ts'
import { ROOT, sweep, TestServer, waitFor } from '../support/server.ts'
import { allTrials, getSweep } from '../support/sweeps.ts'

const namespace = `resources-${process.pid}`
const enabled = hasCluster()

let cluster: TestCluster
let server: TestServer
let agent: TestAgent
let operator: TestOperator
let folder: string

interface Status {
  readonly observedGeneration?: number
  readonly sweepId?: string
  readonly phase?: string
  readonly message?: string
  readonly progress?: string
  readonly trials?: Readonly<Record<string, number>>
  readonly best?: { readonly value: number; readonly text: string }
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason: string
    readonly message: string
  }[]
  readonly [key: string]: unknown
}

const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args)

async function apply(kind: 'Sweep' | 'Experiment', name: string, spec: object): Promise<void> {
  const file = join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify({ apiVersion: 'ai.platform.io/v1', kind, metadata: { name }, spec }))
  await kubectl('apply', '-f', file)
}

async function statusOf(resource: string): Promise<Status> {
  return JSON.parse(await kubectl('get', resource, '-o', 'json')).status ?? {}
}

async function condition(resource: string, type: string) {
  return (await statusOf(resource)).conditions?.find((one) => one.type === type)
}

const complete = (resource: string) =>
  kubectl('wait', '--for=condition=Complete', resource, '--timeout=60s').catch(async (cause: Error) => {
    throw new Error(`${cause.message}\n${JSON.stringify(await statusOf(resource))}\n${operator.output.slice(-3000)}`)
  })

const eventsOf = async (name: string) => {
  const events: { items: { reason: string; message: string }[] } = JSON.parse(
    await kubectl('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json'),
  )
  return events.items.map(({ reason }) => reason).sort()
}

const nothingLeft = () =>
  expect.poll(() => cluster.names('jobs,pods,secrets'), { timeout: 90_000, interval: 500 }).toEqual([])

/** Prints a value a few times, a tenth of a second apart. */
const steps = (count: number) => ({
  method: 'random',
  metric: { name: 'val_loss', goal: 'minimize' },
  parameters: { x: { distribution: 'uniform', min: 0, max: 1 } },
  command: [
    ...['sh', '-c'],
    `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "step=$i val_loss=$PARAM_x"; sleep 0.1; done`,
  ],
  kubernetes: { image: BUSYBOX },
  grace_period: '2s',
})

describe.skipIf(!enabled)(enabled ? 'resources Sweep and Experiment' : WITHOUT_CLUSTER, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sweep-resources-'))
    cluster = await TestCluster.take(namespace)
    await cluster.kubectl('apply', '-k', join(ROOT, 'deploy/kubernetes/crd'))
    await cluster.kubectl(
      'wait',
      '--for=condition=Established',
      'crd/sweeps.ai.platform.io',
      'crd/experiments.ai.platform.io',
    )
    server = await TestServer.start({ agent: false, env: { SWEEP_LEASE_MS: '10000', SWEEP_HEARTBEAT_MS: '1000' } })
    agent = await TestAgent.start(server, {
      name: 'cluster',
      slots: 4,
      env: { SWEEP_LAUNCHERS: 'kubernetes', SWEEP_KUBECONFIG: cluster.kubeconfig },
    })
    operator = await TestOperator.start(server, {
      SWEEP_KUBECONFIG: cluster.kubeconfig,
      SWEEP_OPERATOR_NAMESPACES: namespace,
    })
  }, TURN_MS)
  afterAll(async () => {
    // Else finalizers keep the namespace for ever.
    if (operator !== undefined) await kubectl('delete', 'sweeps,experiments', '--all', '--timeout=40s').catch(() => '')
    await operator?.stop()
    await agent?.remove()
    await server?.remove()
    await cluster?.release()
    if (folder !== undefined) await rm(folder, { recursive: true })
  }, 120_000)

  test('a Sweep that is applied runs to its end, and its status says how it went', async () => {
    await apply('Sweep', 'whole', { ...steps(3), run_cap: 4, parallelism: 2 })
    await complete('sweep/whole')
    const status = await statusOf('sweep/whole')
    expect(status).toMatchObject({
      observedGeneration: 1,
      phase: 'Completed',
      progress: '4/4',
      trials: { completed: 4, failed: 0 },
      best: { metric: 'val_loss', config: { x: expect.any(Number) } },
    })
    const id = status.sweepId ?? ''
    const made = await getSweep(server, id)
    expect(made).toMatchObject({ name: 'whole', state: 'completed', best: { value: status.best?.value } })
    expect(made.document).toMatchObject({ launcher: 'kubernetes', kubernetes: { namespace } })
    expect(await eventsOf('whole')).toEqual(['Completed', 'Created'])
    const [head = '', row = ''] = (await kubectl('get', 'sweeps')).split('\n').filter((line) => !/^invalid/.test(line))
    expect(head.split(/ {2,}/).map((cell) => cell.trim())).toEqual([
      'NAME',
      'PHASE',
      'TRIALS',
      'RUNNING',
      'FAILED',
      'BEST',
      'AGE',
    ])
    expect(row.split(/ +/).slice(0, 6)).toEqual(['whole', 'Completed', '4/4', '0', '0', status.best?.text])
    await expectConsistent(server, [id])
    await nothingLeft()
    await kubectl('delete', 'sweep/whole', '--timeout=20s')
    // Its results outlive it.
    expect(await getSweep(server, id)).toMatchObject({ state: 'completed' })
  }, 200_000)

  test('what is wrong with a spec stands on the resource, and a spec that is put right becomes a sweep', async () => {
    const wrong = {
      ...steps(1),
      run_cap: 1,
      methid: 'random',
      parameters: { x: { distribution: 'uniform', min: 5, max: 1 } },
    }
    await apply('Sweep', 'invalid', wrong)
    await waitFor(async () => (await statusOf('sweep/invalid')).phase === 'Invalid')
    const accepted = await condition('sweep/invalid', 'Accepted')
    expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' })
    expect(accepted?.message).toMatch(/min 5 is not below max 1/)
    expect(accepted?.message).toMatch(/methid/)
    expect(await eventsOf('invalid')).toEqual(['Invalid'])
    expect((await kubectl('get', 'sweep/invalid', '-o', 'wide')).split('\n')[1]).toMatch(/methid.* \(and 1 more\)/)

    const ambiguous = { x: { min: 0, max: 1 } }
    await apply('Sweep', 'invalid', { ...steps(1), run_cap: 1, parameters: ambiguous })
    await waitFor(async () => (await statusOf('sweep/invalid')).observedGeneration === 2)
    expect((await condition('sweep/invalid', 'Accepted'))?.message).toMatch(/^parameters\.x: min 0 and max 1 may be/)

    await apply('Sweep', 'invalid', {
      ...steps(1),
      run_cap: 1,
      kubernetes: { image: BUSYBOX, namespace: 'kube-system' },
    })
    await waitFor(async () => (await statusOf('sweep/invalid')).observedGeneration === 3)
    expect((await condition('sweep/invalid', 'Accepted'))?.message).toContain(`its own namespace, ${namespace}`)

    await apply('Sweep', 'invalid', { ...steps(1), run_cap: 1 })
    await complete('sweep/invalid')
    expect(await condition('sweep/invalid', 'Accepted')).toMatchObject({ status: 'True' })
    await kubectl('delete', 'sweep/invalid', '--timeout=20s')
  }, 200_000)

  test('limits change while it runs; what can not change says so, and the sweep goes on', async () => {
    await apply('Sweep', 'changing', { ...steps(1000), run_cap: 8, parallelism: 1 })
    await waitFor(async () => (await statusOf('sweep/changing')).trials?.['running'] === 1)
    const id = (await statusOf('sweep/changing')).sweepId ?? ''

    await apply('Sweep', 'changing', { ...steps(1000), run_cap: 6, parallelism: 3, priority: 2 })
    await waitFor(async () => (await statusOf('sweep/changing')).trials?.['running'] === 3)
    expect(await getSweep(server, id)).toMatchObject({ parallelism: 3, priority: 2, budget: { trials: 6 } })
    expect(await condition('sweep/changing', 'Accepted')).toMatchObject({ status: 'True' })

    await apply('Sweep', 'changing', { ...steps(999), run_cap: 100, parallelism: 3, priority: 2 })
    await waitFor(async () => (await condition('sweep/changing', 'Accepted'))?.status === 'False')
    const accepted = await condition('sweep/changing', 'Accepted')
    expect(accepted).toMatchObject({ reason: 'CannotChange', message: expect.stringMatching(/^command can't change/) })
    expect(await getSweep(server, id)).toMatchObject({ state: 'running', budget: { trials: 6 } })

    await apply('Sweep', 'changing', { ...steps(1000), run_cap: 7, parallelism: 3, priority: 2 })
    await waitFor(async () => (await condition('sweep/changing', 'Accepted'))?.status === 'True')
    expect(await getSweep(server, id)).toMatchObject({ budget: { trials: 7 } })

    // Deleting it while it runs ends its trials before it goes.
    expect(await cluster.names('jobs')).not.toEqual([])
    await kubectl('delete', 'sweep/changing', '--timeout=60s')
    expect(await cluster.names('jobs')).toEqual([])
    expect(await getSweep(server, id)).toMatchObject({ state: 'cancelled', trials: { running: 0, queued: 0 } })
    expect(await eventsOf('changing')).toEqual(
      expect.arrayContaining(['Created', 'Changed', 'CannotChange', 'Cancelling']),
    )
    await nothingLeft()
  }, 200_000)

  test('an operator that is killed between making a sweep and writing that down makes no second one', async () => {
    await operator.stop()
    const proxy = await TestProxy.start(server.url)
    let isKilled = false
    proxy.beforeReply = async (method, path) => {
      if (isKilled || method !== 'POST' || path !== '/api/v1/sweeps') return
      isKilled = true
      await operator.kill()
    }
    await apply('Sweep', 'once', { ...steps(3), run_cap: 2 })
    await operator.start({ SWEEP_URL: proxy.url })
    await waitFor(() => operator.hasEnded)
    expect(isKilled).toBe(true)
    expect(await statusOf('sweep/once')).toEqual({})
    await operator.start()
    await complete('sweep/once')
    const { sweeps } = await server.call<{ sweeps: { id: string }[] }>('GET', '/sweeps?name=once')
    expect(sweeps).toEqual([expect.objectContaining({ id: (await statusOf('sweep/once')).sweepId })])
    proxy.close()
    await kubectl('delete', 'sweep/once', '--timeout=20s')
  }, 200_000)

  test('two operators make one sweep of a resource, and tell of it once', async () => {
    const other = await TestOperator.start(server, {
      SWEEP_KUBECONFIG: cluster.kubeconfig,
      SWEEP_OPERATOR_NAMESPACES: namespace,
    })
    const names = ['a', 'b', 'c', 'd'].map((letter) => `both-${letter}`)
    for (const name of names) await apply('Sweep', name, { ...steps(2), run_cap: 1 })
    for (const name of names) await complete(`sweep/${name}`)
    for (const name of names) {
      const { sweeps } = await server.call<{ sweeps: unknown[] }>('GET', `/sweeps?name=${name}`)
      expect(sweeps).toHaveLength(1)
      expect(await eventsOf(name)).toEqual(['Completed', 'Created'])
    }
    await kubectl('delete', 'sweeps', '--all', '--timeout=30s')
    await other.stop()
  }, 200_000)

  test('while the server is away, the status says so; then all goes on', async () => {
    await apply('Sweep', 'patient', { ...steps(60), run_cap: 2 })
    await waitFor(async () => (await statusOf('sweep/patient')).trials?.['running'] === 2)
    await server.kill()
    await apply('Sweep', 'late', { ...steps(1), run_cap: 1 })
    await waitFor(async () => (await condition('sweep/late', 'Synced'))?.status === 'False')
    expect(await statusOf('sweep/late')).toMatchObject({
      phase: 'Pending',
      message: expect.stringContaining('no server answers'),
    })
    await kubectl('annotate', 'sweep/patient', 'poke=1')
    await waitFor(async () => (await condition('sweep/patient', 'Synced'))?.reason === 'ServerAway')
    // What was known of it stands.
    expect(await statusOf('sweep/patient')).toMatchObject({ phase: 'Running', trials: { running: 2 } })
    expect(await operator.health()).toBe(503)
    await server.start()
    await complete('sweep/patient')
    await complete('sweep/late')
    expect(await statusOf('sweep/patient')).toMatchObject({ progress: '2/2', trials: { completed: 2 } })
    expect(await operator.health()).toBe(200)
    expect(await operator.metrics()).toMatch(/sweep_operator_resources\{kind="Sweep",phase="Completed"\} 2/)
    await kubectl('delete', 'sweeps', '--all', '--timeout=30s')

    // Nothing goes on any more, so nothing is heard of a server that is back.
    const failed = () => operator.output.split('cannot be followed').length
    const before = failed()
    await server.kill()
    await waitFor(() => failed() > before)
    expect(await operator.health()).toBe(503)
    await server.start()
    await waitFor(async () => (await operator.health()) === 200)
  }, 240_000)

  test('an API server that is killed and comes back is gone on with', async () => {
    await apply('Sweep', 'restarted', { ...steps(40), run_cap: 3, parallelism: 2 })
    await waitFor(async () => (await statusOf('sweep/restarted')).trials?.['running'] === 2)
    await cluster.restartApiServer()
    await complete('sweep/restarted')
    expect(await statusOf('sweep/restarted')).toMatchObject({ progress: '3/3', trials: { completed: 3 } })
    expect(await operator.health()).toBe(200)
    await kubectl('delete', 'sweep/restarted', '--timeout=30s')
  }, 200_000)

  test('an Experiment runs each of its runs once, and names the best', async () => {
    const command = [
      'sh',
      '-c',
      'echo "step=1 val_loss=$PARAM_loss"; echo "$GREETING <$PARAM_run>"; test "$PARAM_loss" != 9',
    ]
    await apply('Experiment', 'three', {
      projectRef: { name: 'vision' },
      description: 'Three losses.',
      hypothesis: 'The middle one is the least.',
      metric: { name: 'val_loss' },
      template: {
        ...{ image: BUSYBOX, command, env: [{ name: 'GREETING', value: 'hello' }] },
        resources: { requests: { cpu: '10m' }, limits: { 'nvidia.com/gpu': 1 } },
      },
      runs: [
        { name: 'high', parameters: { loss: 0.5 } },
        { name: 'the "low" one 🎉', parameters: { loss: 0.1 } },
        { name: 'failing', parameters: { loss: 9 } },
      ],
    })
    await complete('experiment/three')
    const status = await statusOf('exp/three')
    expect(status).toMatchObject({
      phase: 'Completed',
      ...{ activeRuns: 0, completedRuns: 2, failedRuns: 1, bestRun: 'the "low" one 🎉', bestValue: 0.1 },
      runs: [
        { name: 'high', trial: 1, state: 'completed', value: 0.5 },
        { name: 'the "low" one 🎉', trial: 2, state: 'completed', value: 0.1 },
        { name: 'failing', trial: 3, state: 'failed' },
      ],
    })
    const id = status.sweepId ?? ''
    expect(await getSweep(server, id)).toMatchObject({ project: 'vision', trials: { completed: 2, failed: 1 } })
    expect((await getSweep(server, id)).document.resources).toMatchObject({ gpus: 1 })
    const log = await server.call<{ text: string }>('GET', `/sweeps/${id}/trials/1/logs`)
    expect(log.text).toContain('hello <>')
    expect((await allTrials(server, id)).map(({ config }) => config['loss'])).toEqual([0.1, 0.5, 9])
    expect((await kubectl('get', 'exp')).split('\n')[1]).toMatch(/^three +Completed +0 +2 +1 +the "low" one 🎉/u)
    await expectConsistent(server, [id])
    expect(await sweep(['replay', id], { env: await server.environment() })).toMatchObject({ status: 0 })
    await kubectl('delete', 'exp/three', '--timeout=20s')
    await nothingLeft()
  }, 200_000)

  test('runs of an Experiment may have different parameters, and the same', async () => {
    await apply('Experiment', 'mixed', {
      template: { image: BUSYBOX, command: ['sh', '-c', 'echo "$PARAM_run: <$PARAM_lr> <$PARAM_depth>"'] },
      runs: [
        { name: 'baseline' },
        { name: 'once', parameters: { lr: 0.1 } },
        { name: 'twice', parameters: { lr: 0.1 } },
        { name: 'deep', parameters: { lr: 0.1, depth: 3 } },
      ],
    })
    await complete('exp/mixed')
    const { sweepId = '', ...status } = await statusOf('exp/mixed')
    expect(status).toMatchObject({ phase: 'Completed', completedRuns: 4 })
    expect(status).not.toHaveProperty('bestRun')
    const logs = await Promise.all(
      [1, 2, 3, 4].map((trial) => server.call<{ text: string }>('GET', `/sweeps/${sweepId}/trials/${trial}/logs`)),
    )
    expect(logs.map(({ text }) => text.trim())).toEqual([
      'baseline: <> <>',
      'once: <0.1> <>',
      'twice: <0.1> <>',
      'deep: <0.1> <3>',
    ])
    await kubectl('delete', 'exp/mixed', '--timeout=20s')
  }, 200_000)

  test('what the cluster itself can check, it refuses at once', async () => {
    const template = { image: BUSYBOX, command: ['true'] }
    await expect(apply('Experiment', 'bad', { template })).rejects.toThrow(/runs/)
    const twice = [{ name: 'a' }, { name: 'a' }]
    await expect(apply('Experiment', 'bad', { template, runs: twice })).rejects.toThrow(/Duplicate value/)
  }, 60_000)
})
