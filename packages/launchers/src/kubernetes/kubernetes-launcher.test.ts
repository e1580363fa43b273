import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubernetesPod } from '@sweep/spec/document/kubernetes-pod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCluster, TestCluster, TURN_MS, WITHOUT_CLUSTER } from '../../../../test/support/cluster.ts'
import { BUSYBOX } from '../../../../test/support/docker.ts'
import type {
  AgentIdentity,
  LaunchCalls,
  Launcher,
  LaunchRecord,
  LaunchSpec,
  LaunchUnderWay,
  Running,
} from '../launcher.ts'
import { launcherContract, NO_CALLS, recordOf, startedBy, testSpec } from '../launcher-contract.ts'
import { connect } from './connect.ts'
import { KubernetesLauncher } from './kubernetes-launcher.ts'

const enabled = hasCluster()
const namespace = `launcher-${process.pid}`
const POD: KubernetesPod = {
  image: BUSYBOX,
  gpuResource: 'nvidia.com/gpu',
  ttlMs: 600_000,
  imageTimeoutMs: 4000,
}
/** Of a registry that does not answer, which is told at once. */
const MISSING = '127.0.0.1:9/nothere:1'
/** Counts, in the run folder's output, what a program with `echo` says; a number a line. */
const counting = (count: number, pause: number) => [
  ...['sh', '-c', `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo $i; sleep ${pause}; done`],
]
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i + 1}\n`).join('')
let cluster: TestCluster
let launcher: KubernetesLauncher

/** The cluster is there only when the tests run. */
const late: Launcher = {
  name: 'kubernetes',
  runsOnHost: false,
  launch: (spec: LaunchSpec, calls: LaunchCalls) => {
    writeFileSync(join(spec.runFolder, 'params.json'), JSON.stringify(spec.params))
    return launcher.launch(spec, calls)
  },
  adopt: (record: LaunchRecord, calls: LaunchCalls) => launcher.adopt(record, calls),
  find: (launch: LaunchUnderWay) => launcher.find(launch),
  endStrays: (agent: AgentIdentity, known: ReadonlySet<string>) => launcher.endStrays(agent, known),
}

describe.skipIf(!enabled)(enabled ? 'Kubernetes' : WITHOUT_CLUSTER, () => {
  beforeAll(async () => {
    cluster = await TestCluster.take(namespace)
    launcher = new KubernetesLauncher({
      client: connect(cluster.kubeconfig),
      clock: { now: Date.now },
      namespace,
      onTrouble: (error) => process.env['SWEEP_TEST_LOG'] && console.log(error),
    })
  }, TURN_MS)
  afterAll(() => cluster.release())

  launcherContract(
    'kubernetes',
    () => late,
    {
      exits: (code) => ['sh', '-c', `exit ${code}`],
      prints: (text) => ['echo', text],
      waits: ['sleep', '100'],
      ignoresSigterm: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'],
      missing: ['/no/such/program'],
    },
    {
      spec: { kubernetes: POD },
      gone: { kind: 'kubernetes', namespace, name: 'sweep-gone', uid: 'gone', agent: 'gone' },
      starts: 3,
    },
  )

  const folder = mkdtempSync(join(tmpdir(), 'sweep-kubernetes-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const specOf = (argv: readonly string[], given: Partial<LaunchSpec> = {}) =>
    testSpec(folder, argv, { kubernetes: POD, graceMs: 2000, ...given })
  const output = (given: LaunchSpec) => readFileSync(given.outputPath, 'utf8')
  const untilOutput = (given: LaunchSpec, text: string) =>
    expect.poll(() => output(given), { timeout: 30_000, interval: 50 }).toContain(text)
  const podsOf = ({ place }: Running) =>
    cluster.names('pods', '-l', `job-name=${place.kind === 'kubernetes' ? place.name : ''}`)
  // A kubelet that was just making a pod waits up to two minutes for its Secret, which is gone; nothing runs in it.
  const podsGone = (running: Running) => expect.poll(() => podsOf(running), { timeout: 140_000 }).toEqual([])
  const nothingLeft = () => expect.poll(() => cluster.names('jobs,pods,secrets'), { timeout: 30_000 }).toEqual([])

  test('arguments, environment and parameters reach the program byte by byte', async () => {
    const odd = `$(HOME) $$ $x "'\\ \u00e9\u{1f600}\ttwo\nlines`
    const program = 'printf "%s|" "$1" "$ODD" "$SWEEP_TOKEN"; cat "$SWEEP_PARAMS" "$SWEEP_RUN_DIR/params.json"'
    const given = specOf(['sh', '-c', program, 'sh', odd], { env: { ODD: odd, SWEEP_TOKEN: 'secret$$' } })
    const running = await startedBy(late, given)
    expect((await running.exited).code).toBe(0)
    expect(output(given)).toBe(`${odd}|${odd}|secret$$|{"lr":0.1}{"lr":0.1}`)
    expect(await running.clear(0)).toBe(0)
  })

  test('code is brought to the program, which starts in its folder', async () => {
    const codeFolder = mkdtempSync(join(folder, 'code-'))
    mkdirSync(join(codeFolder, 'lib'))
    writeFileSync(join(codeFolder, 'lib', 'é $(HOME).sh'), 'echo from lib')
    writeFileSync(join(codeFolder, 'run.sh'), '#!/bin/sh\npwd; . "lib/é $(printf "\\044(HOME)").sh"', { mode: 0o755 })
    const given = specOf(['./run.sh'], { codeFolder })
    const running = await startedBy(late, given)
    expect((await running.exited).code).toBe(0)
    expect(output(given)).toBe('/sweep/code\nfrom lib\n')
    await running.clear(0)
    writeFileSync(join(codeFolder, 'data'), Buffer.alloc(1024 * 1024))
    const launched = await late.launch(specOf(['./run.sh'], { codeFolder }), NO_CALLS)
    expect(launched).toMatchObject({ kind: 'bad-command', message: expect.stringContaining('.sweepignore') })
  })

  test('reports in the output become metrics.jsonl, and the rest is the log', async () => {
    const program = `echo before; printf '50%%\\r\\036sweep report {"step": 1, "loss": 2}\\nafter\\n\\036sweep checkpoint {"step": 1, "path": "/v/1"}\\n'`
    const given = specOf(['sh', '-c', program])
    const running = await startedBy(late, given)
    await running.exited
    expect(output(given)).toBe('before\n50%\rafter\n')
    expect(readFileSync(join(given.runFolder, 'metrics.jsonl'), 'utf8')).toBe('{"step": 1, "loss": 2}\n')
    expect(readFileSync(join(given.runFolder, 'checkpoint.json'), 'utf8')).toBe('{"step": 1, "path": "/v/1"}')
    await running.clear(0)
  })

  test('lines longer than a runtime stores in one piece come whole, and many of them', async () => {
    const given = specOf([
      'sh',
      '-c',
      'head -c 100000 /dev/zero | tr "\\0" x; echo; yes 0123456789abcde | head -n 250000',
    ])
    const running = await startedBy(late, given)
    await running.exited
    const text = output(given)
    expect(text.length).toBe(100_001 + 4_000_000)
    expect(text.slice(0, 100_001)).toBe(`${'x'.repeat(100_000)}\n`)
    expect(new Set(text.slice(100_001).trimEnd().split('\n'))).toEqual(new Set(['0123456789abcde']))
    await running.clear(0)
  })

  test('an agent that comes later goes on where the output was left, and learns of an end in between', async () => {
    const given = specOf(counting(60, 0.1))
    const running = await startedBy(late, given)
    await untilOutput(given, '20\n')
    running.release?.()
    await sleep(1500)
    const second = await launcher.adopt(recordOf(given, running), NO_CALLS)
    await untilOutput(given, '45\n')
    second.release?.()
    await sleep(4000)
    const third = await launcher.adopt(recordOf(given, running), NO_CALLS)
    expect(await third.exited).toMatchObject({ code: 0, signal: null })
    expect(output(given)).toBe(numbers(60))
    await third.clear(0)
    // Its Job is gone; how it ended is known all the same.
    const fourth = await launcher.adopt(recordOf(given, running), NO_CALLS)
    expect(await fourth.exited).toMatchObject({ code: 0, signal: null })
    await fourth.clear(0)
  })

  test('more memory than the limit is told as such', async () => {
    const given = specOf(['sh', '-c', 'x=a; while :; do x=$x$x; done'], {
      resources: { memoryBytes: 16 * 1024 * 1024 },
    })
    const running = await startedBy(late, given)
    expect(await running.exited).toMatchObject({ signal: 'SIGKILL', outOfMemory: true })
    await running.clear(0)
  })

  test('an image that does not exist fails after its time, and is waited for until then', async () => {
    const waits: string[] = []
    const given = specOf(['true'], { kubernetes: { ...POD, image: MISSING } })
    const launched = await late.launch(given, { ...NO_CALLS, progress: (text) => waits.push(text) })
    if (launched.kind !== 'started') throw new Error(launched.kind)
    const { failure } = await launched.running.exited
    expect(failure?.cause).toBe('bad-command')
    expect(failure?.message).toMatch(/nothere:1 .* Given up after 4s\./)
    expect(waits.join()).toContain(`the image ${MISSING} can't be had`)
    await launched.running.clear(0)
  })

  test('GPUs that no node has are waited for with the reason, until nobody wants them any more', async () => {
    let wait = ''
    const given = specOf(['true'], { resources: { gpus: 5 } })
    const launched = await late.launch(given, { ...NO_CALLS, progress: (text) => (wait = text) })
    if (launched.kind !== 'started') throw new Error(launched.kind)
    await expect.poll(() => wait, { timeout: 20_000 }).toContain('Insufficient nvidia.com/gpu')
    launched.running.signal('SIGTERM')
    expect(await launched.running.exited).toMatchObject({ code: null, signal: 'SIGTERM' })
    await launched.running.clear(0)
  })

  /** What an attempt is told to wait for while `refusal` is in the cluster. */
  const waitUnder = async (refusal: object): Promise<string> => {
    const waits: string[] = []
    const file = join(folder, 'refusal.json')
    writeFileSync(file, JSON.stringify(refusal))
    await cluster.kubectl('-n', namespace, 'apply', '-f', file)
    try {
      const given = specOf(['true'])
      const launched = await late.launch(given, { ...NO_CALLS, progress: (text) => waits.push(text) })
      if (launched.kind !== 'started') throw new Error(launched.kind)
      await expect.poll(() => waits.join('\n'), { timeout: 30_000 }).toContain('the cluster makes no pod')
      launched.running.signal('SIGTERM')
      expect(await launched.running.exited).toMatchObject({ code: null, signal: 'SIGTERM' })
      await launched.running.clear(0)
    } finally {
      await cluster.kubectl('-n', namespace, 'delete', '-f', file)
    }
    return waits.join('\n')
  }

  test('a quota and a webhook that let the cluster make no pod are told', async () => {
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'no-pods' },
      spec: { hard: { pods: '0' } },
    }
    expect(await waitUnder(quota)).toContain('exceeded quota: no-pods')
    const webhook = {
      name: 'refuses.example.com',
      clientConfig: { url: 'https://127.0.0.1:9/' },
      rules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' },
      ],
      namespaceSelector: { matchLabels: { refused: namespace } },
      ...{ sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Fail', timeoutSeconds: 2 },
    }
    await cluster.kubectl('label', 'namespace', namespace, `refused=${namespace}`)
    const refusing = { kind: 'ValidatingWebhookConfiguration', metadata: { name: namespace }, webhooks: [webhook] }
    const wait = await waitUnder({ apiVersion: 'admissionregistration.k8s.io/v1', ...refusing })
    expect(wait).toContain('refuses.example.com')
  })

  test('a namespace that does not exist is a bad command', async () => {
    const launched = await late.launch(specOf(['true'], { kubernetes: { ...POD, namespace: 'nowhere' } }), NO_CALLS)
    expect(launched).toMatchObject({ kind: 'bad-command', message: expect.stringContaining('"nowhere" not found') })
  })

  test('a pod deleted by hand ends the attempt, and none takes its place', async () => {
    const given = specOf(counting(1000, 0.1))
    const running = await startedBy(late, given)
    await untilOutput(given, '5\n')
    const [pod = ''] = await podsOf(running)
    await cluster.kubectl('-n', namespace, 'delete', pod, '--wait=false')
    expect((await running.exited).failure).toEqual({
      cause: 'node-fault',
      message: 'The pod was deleted by somebody else than this agent.',
    })
    await running.clear(0)
    await podsGone(running)
  }, 180_000)

  test('what other agents of the namespace started is found by its attempt and claim, and can be ended', async () => {
    const given = specOf(['sleep', '100'], { agent: { id: `lost${process.pid}`, home: folder } })
    const running = await startedBy(late, { ...given, labels: { ...given.labels, epoch: 7 } })
    const mine = specOf(['sleep', '100'])
    const own = await startedBy(late, mine)
    const { leftovers: found } = await launcher.ofOthers(mine.agent, [])
    expect(found.map(({ id, epoch }) => [id, epoch])).toEqual([[given.id, 7]])
    await found[0]?.end()
    await podsGone(running)
    expect(await podsOf(own)).toHaveLength(1)
    await Promise.all([running.clear(0), own.clear(0)])
  }, 180_000)

  test('a namespace that the agent may not look into is told, and keeps it from looking into no other', async () => {
    const kubectl = (...words: string[]) => cluster.kubectl('-n', namespace, ...words)
    await kubectl('create', 'serviceaccount', 'limited')
    await kubectl('create', 'role', 'limited', '--verb=list', '--resource=jobs')
    await kubectl('create', 'rolebinding', 'limited', '--role=limited', `--serviceaccount=${namespace}:limited`)
    const given = specOf(['sleep', '100'], { agent: { id: `lost${process.pid}`, home: folder } })
    const running = await startedBy(late, given)
    const token = [
      "-o=jsonpath={.items[?(@.metadata.annotations.kubernetes\\.io/service-account\\.name=='limited')].data.token}",
    ]
    const limited = JSON.parse(await kubectl('config', 'view', '--raw', '--minify', '-o', 'json'))
    let text = ''
    await expect.poll(async () => (text = await kubectl('get', 'secrets', ...token)), { timeout: 10_000 }).not.toBe('')
    limited.users[0].user = { token: Buffer.from(text, 'base64').toString() }
    const file = join(folder, 'limited.json')
    writeFileSync(file, JSON.stringify(limited))
    const common = { client: connect(file), clock: { now: Date.now }, namespace }
    const other = new KubernetesLauncher({ ...common, onTrouble: () => undefined })
    const { closed, leftovers } = await other.ofOthers({ id: 'other', home: join(folder, 'other') }, ['kube-system'])
    expect(leftovers.map(({ id }) => id)).toEqual([given.id])
    expect([...closed.keys()]).toEqual(['kube-system'])
    expect(closed.get('kube-system')).toContain('cannot list resource "jobs"')
    await running.clear(0)
    await kubectl('delete', 'serviceaccount,role,rolebinding', 'limited')
  }, 60_000)

  test('an API server that is restarted is waited for, and no line is lost or doubled', async () => {
    const given = specOf(counting(120, 0.1))
    const running = await startedBy(late, given)
    await untilOutput(given, '20\n')
    await cluster.restartApiServer()
    expect(await running.exited).toMatchObject({ code: 0, signal: null })
    expect(output(given)).toBe(numbers(120))
    await running.clear(0)
  })

  test('a kubelet that is silent for a while is waited for; one that stays silent loses its pod', async () => {
    const soon = [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 },
    ]
    const patient = specOf(counting(550, 0.1))
    const impatient = specOf(counting(100_000, 0.1), {
      kubernetes: { ...POD, template: { spec: { tolerations: soon } } },
    })
    const [lives, dies] = [await startedBy(late, patient), await startedBy(late, impatient)]
    await untilOutput(patient, '5\n')
    await untilOutput(impatient, '5\n')
    await cluster.control('kubelet-stop')
    try {
      const { failure } = await dies.exited
      expect(failure).toEqual({
        cause: 'node-fault',
        message: 'gpu-node-1 stopped answering.',
      })
      // Its slot is free although nobody can end it: the node has it off its list when it comes back.
      await dies.clear(0)
      expect(await podsOf(dies)).toEqual([])
    } finally {
      await cluster.control('kubelet-start')
    }
    expect(await lives.exited).toMatchObject({ code: 0, signal: null })
    expect(output(patient)).toBe(numbers(550))
    await lives.clear(0)
  }, 150_000)

  test('nothing is left of any of them', nothingLeft, 40_000)
})
