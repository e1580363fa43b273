import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@sweep/launchers/kubernetes/connect'
import { Informer } from '@sweep/launchers/kubernetes/informer'
import { Pod } from '@sweep/launchers/kubernetes/objects'
import type { ArtifactList, LogPage, MetricSeries } from '@sweep/spec/wire/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { hasCluster, TestCluster, TURN_MS, WITHOUT_CLUSTER } from '../support/cluster.ts'
import { expectConsistent } from '../support/consistent.ts'
import { BUSYBOX, docker, PYTHON } from '../support/docker.ts'
import { postgresOf, querySql } from '../support/postgres-of.ts'
import { ROOT, sweep, TestServer, waitFor } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished, getTrial } from '../support/sweeps.ts'

/** Of a registry that does not answer, which is told at once. */
const MISSING = '127.0.0.1:9/nothere:1'
const DIGITS = 'sweep-test/digits:1'
const namespace = `e2e-${process.pid}`
const enabled = hasCluster()

let cluster: TestCluster
let server: TestServer
let agent: TestAgent

/** The training program of the example in an image, where it has no numpy. */
function makeDigitsImage(): void {
  const container = docker('create', PYTHON, 'true')
  docker('cp', join(ROOT, 'sweeps', 'digits'), `${container}:/digits`)
  docker('commit', '-c', 'WORKDIR /digits', container, DIGITS)
  docker('rm', container)
}

const steps = (count: number) => `
method: random
metric: {name: val_loss, goal: minimize}
parameters: {x: {min: 0.0, max: 1.0}}
command: [sh, -c, 'i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "step=$i val_loss=$PARAM_x$i"; sleep 0.1; done']
launcher: kubernetes
kubernetes: {image: "${BUSYBOX}", namespace: ${namespace}, image_timeout: 3s}
grace_period: 2s
`

async function stepsOf(id: string, trial: number): Promise<readonly number[]> {
  const path = `/sweeps/${id}/trials/${trial}/metrics?name=val_loss`
  const { series } = await server.call<{ series: MetricSeries[] }>('GET', path)
  return series[0]?.steps ?? []
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
const nothingLeft = () =>
  expect.poll(() => cluster.names('jobs,pods,secrets'), { timeout: 90_000, interval: 500 }).toEqual([])

describe.skipIf(!enabled)(enabled ? 'sweeps on Kubernetes' : WITHOUT_CLUSTER, () => {
  beforeAll(async () => {
    cluster = await TestCluster.take(namespace)
    makeDigitsImage()
    const where = { SWEEP_HOST: '0.0.0.0', SWEEP_ALLOWED_HOSTS: cluster.hostAddress }
    const env = { ...where, SWEEP_LEASE_MS: '10000', SWEEP_HEARTBEAT_MS: '1000' }
    server = await TestServer.start({ agent: false, env })
    const url = `http://${cluster.hostAddress}:${new URL(server.url).port}`
    agent = await TestAgent.start(server, {
      name: 'cluster',
      slots: 4,
      env: { SWEEP_LAUNCHERS: 'kubernetes', SWEEP_KUBECONFIG: cluster.kubeconfig, SWEEP_URL: url },
    })
  }, TURN_MS)
  afterAll(async () => {
    await agent?.remove()
    await server?.remove()
    await cluster?.release()
  }, 60_000)

  test('digits with ASHA on four GPUs: never more than four pods, and pruned ones are gone soon', async () => {
    const alive = new Map<string, number>()
    const gone = new Map<string, number>()
    let most = 0
    const pods = new Informer<Pod>({
      client: connect(cluster.kubeconfig),
      ...{ path: `/api/v1/namespaces/${namespace}/pods`, labelSelector: 'sweep-hpo/sweep', schema: Pod },
      onChange: (pod, isGone) => {
        const attempt = pod.metadata.annotations['sweep-hpo/attempt-id'] ?? ''
        if (!isGone && !['Succeeded', 'Failed'].includes(pod.status.phase ?? '')) alive.set(attempt, Date.now())
        else if (alive.delete(attempt)) gone.set(attempt, Date.now())
        most = Math.max(most, alive.size)
      },
      onListed: () => undefined,
      onTrouble: () => undefined,
    })
    // The network small, so that plain Python is fast enough: the image has no NumPy.
    const source = readFileSync(join(ROOT, 'sweeps', 'digits', 'sweep.yaml'), 'utf8')
      .replace('min: 16', 'min: 8')
      .replace('max: 64', 'max: 16')
    const pod = `kubernetes: {image: "${DIGITS}", namespace: ${namespace}}`
    const id = await createSweep(
      server,
      `${source}\nresources: {gpus: 1}\nlauncher: kubernetes\n${pod}\ngrace_period: 5s\n`,
    )
    const { trials } = await finished(server, id, 280_000)
    pods.close()
    expect(trials).toMatchObject({ failed: 0, cancelled: 0 })
    expect(trials.completed + trials.pruned).toBe(30)
    expect(trials.pruned).toBeGreaterThan(10)
    expect([most, alive.size, gone.size]).toEqual([4, 0, 30])
    for (const fact of await allFacts(server, id)) {
      if (fact.kind !== 'stop-asked') continue
      const attempt = `${id}-${fact.trial}-${fact.attempt}`
      expect((gone.get(attempt) ?? Number.NaN) - fact.at.getTime()).toBeLessThan(10_000)
    }
    for (const { number, state } of await allTrials(server, id)) {
      const stored = await server.call<{ series: MetricSeries[] }>(
        'GET',
        `/sweeps/${id}/trials/${number}/metrics?name=val_loss`,
      )
      const reported = stored.series[0]?.steps ?? []
      expect(reported).toEqual(numbers(state === 'completed' ? 27 : reported.length))
    }
    await expectConsistent(server, [id])
    await nothingLeft()
  }, 300_000)

  test('an agent that is killed while four Jobs run finds them again; nothing is lost or runs twice', async () => {
    const id = await createSweep(server, `${steps(100)}budget: {trials: 4}\n`)
    await waitFor(async () => {
      const seen = await Promise.all([1, 2, 3, 4].map((trial) => stepsOf(id, trial).catch(() => [])))
      return seen.every((reported) => reported.length > 10)
    })
    await agent.kill()
    await agent.start()
    expect(await finished(server, id)).toMatchObject({ trials: { completed: 4 } })
    for (const { number } of await allTrials(server, id)) {
      expect((await getTrial(server, id, number)).attemptList).toHaveLength(1)
      expect(await stepsOf(id, number)).toEqual(numbers(100))
    }
    await expectConsistent(server, [id])
    await nothingLeft()
  }, 240_000)

  test('a pod deleted by hand is a fault of its host: the trial gets another attempt', async () => {
    const id = await createSweep(server, `${steps(40)}budget: {trials: 1}\n`)
    await waitFor(async () => (await stepsOf(id, 1).catch(() => [])).length > 5)
    await cluster.kubectl('-n', namespace, 'delete', 'pods', '-l', `sweep-hpo/sweep=${id}`, '--wait=false')
    expect(await finished(server, id)).toMatchObject({ trials: { completed: 1 } })
    const { attemptList } = await getTrial(server, id, 1)
    expect(attemptList.map(({ cause }) => cause)).toEqual(['node-fault', 'succeeded'])
    await nothingLeft()
  }, 240_000)

  test('a kubelet that is silent for 30 s is waited for; what does not tolerate that runs elsewhere, once to its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sweep-kubelet-'))
    const linesOf = (id: string) =>
      readFileSync(join(folder, 'log'), 'utf8')
        .split('\n')
        .filter((line) => line.includes(id))
        .sort()
    // The cluster itself waits for 60 s, and ends no program of a node that does not answer: a first attempt is long.
    const silent = 'key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute'
    const program = (first: number) =>
      `case $SWEEP_ATTEMPT in *-1-1) n=${first};; *-2-1) n=400;; *) n=20;; esac; echo start $SWEEP_ATTEMPT >>/host/log; i=0; ` +
      'while [ $i -lt $n ]; do i=$((i+1)); echo step=$i val_loss=$PARAM_x$i; sleep 0.1; done; echo end $SWEEP_ATTEMPT >>/host/log'
    const logged = (first: number, toleratedS: number) => `
method: random
metric: {name: val_loss, goal: minimize}
parameters: {x: {min: 0.0, max: 1.0}}
command: [sh, -c, '${program(first)}']
launcher: kubernetes
kubernetes:
  image: "${BUSYBOX}"
  namespace: ${namespace}
  template:
    spec:
      containers: [{volumeMounts: [{name: host, mountPath: /host}]}]
      volumes: [{name: host, hostPath: {path: ${folder}}}]
      tolerations: [{${silent}, tolerationSeconds: ${toleratedS}}]
grace_period: 2s
`
    const patient = await createSweep(server, `${logged(200, 60)}budget: {trials: 2}\n`)
    const impatient = await createSweep(server, `${logged(6000, 2)}budget: {trials: 1}\n`)
    const running = [[patient, 1] as const, [patient, 2] as const, [impatient, 1] as const]
    await waitFor(async () => {
      const seen = await Promise.all(running.map(([id, trial]) => stepsOf(id, trial).catch(() => [])))
      return seen.every((reported) => reported.length > 5)
    })
    await cluster.control('kubelet-stop')
    try {
      const isLost = async () => (await getTrial(server, impatient, 1)).attemptList[0]?.cause === 'node-fault'
      await Promise.all([sleep(30_000), waitFor(isLost)])
    } finally {
      await cluster.control('kubelet-start')
    }
    expect(await finished(server, patient)).toMatchObject({ trials: { completed: 2 } })
    expect(await finished(server, impatient)).toMatchObject({ trials: { completed: 1 } })
    // One of them ended while nobody could tell.
    for (const trial of [1, 2]) expect(await stepsOf(patient, trial)).toEqual(numbers(200 * trial))
    await nothingLeft()
    const [a, b] = [1, 2].map((trial) => `${patient}-${trial}-1`)
    expect(linesOf(patient)).toEqual([`end ${a}`, `end ${b}`, `start ${a}`, `start ${b}`])
    const [first, second] = [1, 2].map((attempt) => `${impatient}-1-${attempt}`)
    expect(linesOf(impatient)).toEqual([`end ${second}`, `start ${first}`, `start ${second}`])
    await expectConsistent(server, [patient, impatient])
    rmSync(folder, { recursive: true })
  }, 240_000)

  test('the Jobs of an agent whose host and home are lost are ended by another, and no living one', async () => {
    const lost = await TestAgent.start(server, {
      ...{ name: 'lost', slots: 2, queue: 'lost' },
      env: { SWEEP_LAUNCHERS: 'kubernetes', SWEEP_KUBECONFIG: cluster.kubeconfig },
    })
    // Both look at the same namespace, and all sweeps run at the time of each look. In another one only the lost one was.
    const elsewhere = `${namespace}-elsewhere`
    await cluster.kubectl('create', 'namespace', elsewhere)
    const living = await createSweep(server, `${steps(350)}budget: {trials: 1}\n`)
    const lasting = `${steps(10_000)}budget: {trials: 1}\nqueue: lost\n`
    const id = await createSweep(server, lasting)
    const away = await createSweep(server, lasting.replace(`namespace: ${namespace}`, `namespace: ${elsewhere}`))
    await waitFor(async () => {
      const seen = await Promise.all([living, id, away].map((one) => stepsOf(one, 1).catch(() => [])))
      return seen.every((reported) => reported.length > 0)
    })
    const jobsOf = (one: string) => cluster.names('jobs', '-l', `sweep-hpo/sweep=${one}`)
    const [job = 'none'] = await jobsOf(id)
    await lost.vanish()
    await expect.poll(() => jobsOf(id), { timeout: 60_000, interval: 500 }).toEqual([])
    const left = () => cluster.kubectl('-n', elsewhere, 'get', 'jobs,pods', '-o', 'name')
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toBe('')
    await cluster.kubectl('delete', 'namespace', elsewhere, '--wait=false')
    expect(agent.output).toContain('leftovers of lost agents ended')
    expect(job).toContain(id)
    expect((await getTrial(server, id, 1)).attemptList[0]?.cause).toBe('lost')
    for (const one of [id, away]) await server.call('POST', `/sweeps/${one}/cancel`)
    expect(await finished(server, living)).toMatchObject({ trials: { completed: 1 } })
    expect((await getTrial(server, living, 1)).attemptList).toHaveLength(1)
    await expectConsistent(server, [id, away, living])
    await nothingLeft()
  }, 240_000)

  /** A sweep whose code, a program for the SDK, goes along. */
  async function sweepWithCode(files: Readonly<Record<string, string>>, search: string, more: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'sweep-code-'))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const pod = `kubernetes: {image: "${PYTHON}", namespace: ${namespace}}`
    const run = `program: train.py\ncode: snapshot\nlauncher: kubernetes\n${pod}\n${more}`
    const metric = 'metric: {name: val_loss, goal: minimize}'
    writeFileSync(join(folder, 'sweep.yaml'), `${search}\n${metric}\n${run}\n`)
    const env = await server.environment()
    const { status, stderr, stdout } = await sweep(['create', join(folder, 'sweep.yaml'), '-o', 'name'], { env })
    expect(status, stderr).toBe(0)
    rmSync(folder, { recursive: true })
    return stdout.trim()
  }

  test('a sweep brings its code along, and its programs report and upload by the SDK', async () => {
    const program = `
import loss, sweep
for step in range(1, 4):
    sweep.report(step, val_loss=loss.at(step))
sweep.log_artifact("train.py")
(sweep.info.run_dir / "artifacts" / "deep").mkdir(parents=True)
(sweep.info.run_dir / "artifacts" / "deep" / "left").write_text("when it ended")
`
    const files = { 'train.py': program, 'loss/__init__.py': 'def at(step):\n    return 1 / step\n' }
    const search = 'method: random\nparameters: {x: {min: 0.0, max: 1.0}}'
    const id = await sweepWithCode(files, search, 'budget: {trials: 1}')
    expect(await finished(server, id)).toMatchObject({ trials: { completed: 1 } })
    expect(await stepsOf(id, 1)).toEqual([1, 2, 3])
    const { artifacts } = await server.call<ArtifactList>('GET', `/sweeps/${id}/trials/1/artifacts`)
    const sizes = Object.fromEntries(artifacts.map(({ path, sizeBytes }) => [path, sizeBytes]))
    expect(sizes).toEqual({ 'deep/left': 13, 'train.py': program.length })
    await nothingLeft()
  }, 240_000)

  /** Trains 27 steps, each of which it saves, in pods that have no volume; says at which it begins. */
  function savingSweep(values: readonly number[], more: string): Promise<string> {
    const program = `
import sweep, time
p = sweep.params(x=0.5)
ck = sweep.restore()
first = int((ck.path / "state").read_text()) + 1 if ck else 1
print("begins at", first, flush=True)
for step in range(first, 28):
    with sweep.checkpoint(step) as path:
        (path / "state").write_text(str(step))
    if sweep.report(step, val_loss=p.x / step, wait=5 if step in (1, 3, 9) else 0):
        break
    time.sleep(0.2)
`
    return sweepWithCode({ 'train.py': program }, `method: grid\nparameters: {x: {values: [${values}]}}`, more)
  }

  /** A population whose members keep by whom each step of theirs was done, and say so when they begin. */
  function populationSweep(): Promise<string> {
    const program = `
import json, sweep
p = sweep.params(x=0.5)
ck = sweep.restore()
loss, done_by = json.loads((ck.path / "state").read_text()) if ck else (p.x, [])
print("goes on from", json.dumps(done_by), flush=True)
for step in range(len(done_by) + 1, 7):
    loss *= 0.9
    done_by.append(sweep.info.trial)
    with sweep.checkpoint(step, keep=0) as path:
        (path / "state").write_text(json.dumps([loss, done_by]))
    if sweep.report(step, val_loss=loss, wait=5 if step % 2 == 0 else 0):
        break
`
    const search = 'method: pbt\npbt: {population: 3, quantile: 0.4, interval: 2, max_resource: 6}\nseed: 5'
    return sweepWithCode({ 'train.py': program }, `${search}\nparameters: {x: {min: 0.5, max: 1.5}}`, 'parallelism: 3')
  }

  async function outputOf(id: string, trial: number, attempt: number): Promise<string> {
    return (await server.call<LogPage>('GET', `/sweeps/${id}/trials/${trial}/logs?attempt=${attempt}`)).text
  }

  async function beginOf(id: string, trial: number, attempt: number): Promise<number> {
    return Number(/begins at (\d+)/.exec(await outputOf(id, trial, attempt))?.[1])
  }

  test('a pod deleted by hand, and one that gives way to a higher priority, are followed by others that go on from their checkpoints', async () => {
    const deleted = await savingSweep([0.5], 'budget: {trials: 1}')
    const preempted = await savingSweep([0.5], 'budget: {trials: 1}\nresources: {gpus: 1}\ngrace_period: 5s')
    const newest = `select coalesce((checkpoint ->> 'step')::int, 0) as step from trials where sweep_id = $1`
    const database = await postgresOf(server)
    const stepSaved = async (id: string): Promise<number> => (await querySql(database, newest, [id])).rows[0]?.step ?? 0
    const saved = new Map<string, number>()
    for (const id of [deleted, preempted]) {
      await waitFor(async () => (await stepSaved(id)) >= 4)
      saved.set(id, await stepSaved(id))
      if (id === preempted) await takeAllGpus()
      else {
        const now = ['--wait=false', '--grace-period=0', '--force']
        await cluster.kubectl('-n', namespace, 'delete', 'pods', '-l', `sweep-hpo/sweep=${id}`, ...now)
      }
    }
    for (const [id, cause] of [[deleted, 'node-fault'] as const, [preempted, 'preempted'] as const]) {
      expect(await finished(server, id)).toMatchObject({ trials: { completed: 1 } })
      const { attemptList } = await getTrial(server, id, 1)
      expect(attemptList.map((attempt) => attempt.cause)).toEqual([cause, 'succeeded'])
      if (id === preempted) expect(attemptList[0]?.message).toContain(`Preempted by ${namespace}/urgent`)
      const begun = await beginOf(id, 1, 2)
      expect(begun).toBeGreaterThan(saved.get(id) ?? Number.NaN)
      expect((await stepsOf(id, 1)).slice(-(28 - begun))).toEqual(numbers(27).slice(begun - 1))
    }
    await cluster.kubectl('-n', namespace, 'delete', 'pod/urgent', `priorityclass/${namespace}`)
    await expectConsistent(server, [deleted, preempted])
    await nothingLeft()
  }, 240_000)

  /** A pod that gets the four GPUs of the node for a moment, whoever has them. */
  async function takeAllGpus(): Promise<void> {
    const file = join(mkdtempSync(join(tmpdir(), 'sweep-urgent-')), 'pod.json')
    const gpus = { limits: { 'nvidia.com/gpu': 4 } }
    const container = { name: 'urgent', image: BUSYBOX, command: ['sleep', '1'], resources: gpus }
    const spec = { restartPolicy: 'Never', priorityClassName: namespace, containers: [container] }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'urgent', namespace }, spec }
    writeFileSync(file, JSON.stringify(pod))
    await cluster.kubectl('create', 'priorityclass', namespace, '--value=1000')
    await cluster.kubectl('create', '-f', file)
    rmSync(dirname(file), { recursive: true })
  }

  test('trials that wait at a rung, and copies of a population, go on in other pods, without a volume', async () => {
    const early = 'early_terminate: {type: asha, mode: promote, max_resource: 27}'
    // One after the other, the best one first: it comes to the rung alone, so it has to wait there for the others.
    const values = [0.5, 1.5, 1.4, 1.3]
    const id = await savingSweep(values, `${early}\nbudget: {trials: 4}\nparallelism: 1\ngrace_period: 60s`)
    const population = await populationSweep()
    const { best } = await finished(server, id)
    expect(best?.trial).toBe(1)
    const { attemptList } = await getTrial(server, id, 1)
    expect(attemptList.length).toBeGreaterThan(1)
    for (const { cause, number } of attemptList.slice(0, -1)) {
      expect(cause).toBe('paused')
      expect([2, 4, 10]).toContain(await beginOf(id, 1, number + 1))
    }

    expect(await finished(server, population)).toMatchObject({ trials: { failed: 0, cancelled: 0 } })
    const facts = await allFacts(server, population)
    const children = facts.flatMap((fact) => (fact.kind === 'trial-created' && fact.parent ? [fact] : []))
    expect(children.length).toBeGreaterThanOrEqual(1)
    /** By whom the steps were done that a trial began with. */
    const beganWith = async (trial: number): Promise<number[]> =>
      JSON.parse(/goes on from (.*)/.exec(await outputOf(population, trial, 1))?.[1] ?? 'null')
    for (const { trial, parent } of children) {
      const { trial: from, step = 0 } = parent ?? { trial: 0 }
      const before = await beganWith(from)
      expect(await beganWith(trial)).toEqual(Array.from({ length: step }, (_, i) => before[i] ?? from))
    }
    await expectConsistent(server, [id, population])
    await nothingLeft()
  }, 240_000)

  test('what a pod waits for can be asked, and an image that does not exist ends its trial', async () => {
    const id = await createSweep(
      server,
      `${steps(5).replace(BUSYBOX, MISSING).replace('3s', '10s')}budget: {trials: 1}\n`,
    )
    const environment = await server.environment()
    await waitFor(async () => {
      const { stdout } = await sweep(['why', `${id}/1`], { env: environment })
      return stdout.includes(MISSING)
    }, 40_000)
    await finished(server, id)
    const { attemptList } = await getTrial(server, id, 1)
    expect(attemptList.map(({ cause }) => cause)).toEqual(['bad-command'])
    expect(attemptList[0]?.message).toContain(MISSING)

    await cluster.kubectl('-n', namespace, 'create', 'quota', 'no-pods', '--hard=pods=0')
    try {
      const refused = await createSweep(server, `${steps(5)}budget: {trials: 1}\n`)
      await waitFor(async () => {
        const { stdout } = await sweep(['why', `${refused}/1`], { env: environment })
        return stdout.includes('exceeded quota: no-pods')
      }, 40_000)
      await server.call('POST', `/sweeps/${refused}/cancel`)
    } finally {
      await cluster.kubectl('-n', namespace, 'delete', 'quota', 'no-pods')
    }
    await nothingLeft()
  }, 240_000)

  test('the Jobs of an agent that is killed and does not come back end with its leases', async () => {
    const id = await createSweep(server, `${steps(10_000)}budget: {trials: 2}\n`)
    await waitFor(async () => {
      const seen = await Promise.all([1, 2].map((trial) => stepsOf(id, trial).catch(() => [])))
      return seen.every((reported) => reported.length > 0)
    })
    await agent.kill()
    await nothingLeft()
    await server.call('POST', `/sweeps/${id}/cancel`)
    await agent.start()
  }, 240_000)
})
