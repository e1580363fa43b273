import type { KubernetesPod, PodTemplate } from '@sweep/spec/document/kubernetes-pod'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LaunchSpec } from '../launcher.ts'
import { jobManifest, jobName, labelValue, limitsOf, POD_RUN_FOLDER, secretManifest } from './job-manifest.ts'
import { Job } from './objects.ts'

const POD: KubernetesPod = {
  image: 'my/train:1',
  gpuResource: 'nvidia.com/gpu',
  ttlMs: 600_000,
  imageTimeoutMs: 60_000,
}
const OLD = { major: 1, minor: 20 }
const NEW = { major: 1, minor: 33 }
const SPEC: LaunchSpec = {
  id: 'abcdefghjk-12-1',
  agent: { id: 'home1', home: '/home/a/.local/share/sweep/agents/a' },
  labels: { sweep: 'abcdefghjk', trial: 12, attempt: 1, epoch: 3 },
  argv: ['python3', 'train.py', '--params=/runs/abcdefghjk-12-1/params.json'],
  cwd: '/home/a/code',
  env: { SWEEP_ID: 'abcdefghjk', SWEEP_TOKEN: 'swp_trial_1', PARAM_lr: '0.1' },
  params: { lr: 0.1 },
  runFolder: '/runs/abcdefghjk-12-1',
  sdkFolder: '/opt/sweep/python/',
  gpus: [{ index: 3 }],
  resources: {},
  graceMs: 30_000,
  outputPath: '/runs/abcdefghjk-12-1/output.log',
  exitPath: '/runs/abcdefghjk-12-1/exit',
}

type Any = Record<string, unknown>
interface Shape {
  metadata: { name: string; labels: Any; annotations: Any }
  spec: Any & { template: { metadata: { labels: Any; annotations: Any }; spec: Any & { containers: Any[] } } }
}

function made(spec: Partial<LaunchSpec> = {}, pod: Partial<KubernetesPod> = {}, server = OLD) {
  const job = jobManifest({ ...SPEC, ...spec }, { ...POD, ...pod }, server) as unknown as Shape
  const template = job.spec.template.spec
  const [container = {}] = template.containers
  return { job, template, container }
}

function variables(container: Any): Any {
  const env = container['env'] as { name: string; value?: string; valueFrom?: unknown }[]
  expect(new Set(env.map(({ name }) => name)).size).toBe(env.length)
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]))
}

test('a Job runs its pod once, and is found by what it is labelled with', () => {
  const { job, template } = made()
  expect(job.metadata.name).toBe('sweep-abcdefghjk-12-1-3')
  const labels = {
    'sweep-hpo/agent': 'home1',
    ...{ 'sweep-hpo/sweep': 'abcdefghjk', 'sweep-hpo/trial': '12', 'sweep-hpo/attempt': '1', 'sweep-hpo/epoch': '3' },
  }
  expect(job.metadata.labels).toEqual(labels)
  expect(job.spec.template.metadata.labels).toEqual(labels)
  expect(job.metadata.annotations).toMatchObject({
    'sweep-hpo/attempt-id': 'abcdefghjk-12-1',
    'sweep-hpo/agent-home': '/home/a/.local/share/sweep/agents/a',
  })
  expect(job.spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 600 })
  expect(job.spec).not.toHaveProperty('activeDeadlineSeconds')
  expect(template).toMatchObject({
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 30,
    shareProcessNamespace: true,
    automountServiceAccountToken: false,
  })
})

test('fields that an old server does not know are left out for it', () => {
  expect(made({}, {}, OLD).job.spec).not.toHaveProperty('podFailurePolicy')
  expect(made({}, {}, NEW).job.spec['podFailurePolicy']).toEqual({
    rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
  })
})

test('deadline, queue and image timeout of the sweep are on the Job', () => {
  const { job } = made({}, { deadlineMs: 43_200_000, queue: 'team-a' })
  expect(job.spec['activeDeadlineSeconds']).toBe(43_200)
  expect(job.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'team-a' })
  const metadata = { ...job.metadata, namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
  expect(limitsOf(Job.parse({ ...job, metadata }))).toEqual({ imageTimeoutMs: 60_000, queue: 'team-a' })
})

test('the program finds its run folder, its parameters and the SDK in the pod', () => {
  const { container, template } = made({ env: { ...SPEC.env, PYTHONPATH: '/opt/sweep/python/:/lib/mine' } })
  expect(container['command']).toEqual(['python3', 'train.py', `--params=${POD_RUN_FOLDER}/params.json`])
  expect(variables(container)).toEqual({
    ...{
      SWEEP_ID: 'abcdefghjk',
      PARAM_lr: '0.1',
      PYTHONPATH: '/sweep/files:/sweep/files/sweep_tracking.zip:/lib/mine',
    },
    ...{ SWEEP_RUN_DIR: '/sweep/run', SWEEP_PARAMS: '/sweep/run/params.json' },
    ...{ SWEEP_METRICS: '/dev/stdout', SWEEP_REPORT: 'stdout' },
    SWEEP_TOKEN: { secretKeyRef: { name: 'sweep-abcdefghjk-12-1-3', key: 'token' } },
  })
  const mounts = (container['volumeMounts'] as Any[]).map(({ name, mountPath }) => `${name}:${mountPath}`)
  expect(mounts).toEqual(['sweep-run:/sweep/run', 'sweep-files:/sweep/files', 'sweep-files:/sweep/run/params.json'])
  expect((template['volumes'] as Any[]).map(({ name }) => name)).toEqual(['sweep-files', 'sweep-run'])
})

test('where copies of checkpoints are wanted, and no volume keeps them, the program is told so if it reaches the server', () => {
  const told = (keepsCheckpoints: boolean, url: string, checkpoints?: string) => {
    const env = { ...SPEC.env, SWEEP_URL: url }
    const { container } = made({ env, keepsCheckpoints }, checkpoints === undefined ? {} : { checkpoints })
    const { SWEEP_CHECKPOINTS: folder, SWEEP_CHECKPOINT_COPIES: copies } = variables(container)
    return [folder, copies]
  }
  expect(told(true, 'http://sweep-api:4600')).toEqual(['/sweep/run/checkpoints/abcdefghjk-12-1', '1'])
  expect(told(true, 'http://sweep-api:4600', '/volume')).toEqual(['/volume/abcdefghjk-12-1', undefined])
  expect(told(true, 'http://127.0.0.1:4600')).toEqual([undefined, undefined])
  expect(told(false, 'http://sweep-api:4600')).toEqual([undefined, undefined])
})

test('the secret is owned by its Job, and holds what must not be in the pod’s own text', () => {
  const secret = secretManifest(
    SPEC,
    { params: '{"lr": 0.1}', sdk: { sweep: 'import os', tracking: Buffer.from('zip') } },
    'uid-1',
  )
  const decoded = Object.entries(secret['data'] as Record<string, string>).map(([key, text]) => [
    key,
    Buffer.from(text, 'base64').toString(),
  ])
  expect(Object.fromEntries(decoded)).toEqual({
    'params.json': '{"lr": 0.1}',
    'sweep.py': 'import os',
    'sweep_tracking.zip': 'zip',
    token: 'swp_trial_1',
  })
  expect(secret['metadata']).toMatchObject({
    name: 'sweep-abcdefghjk-12-1-3',
    ownerReferences: [{ kind: 'Job', name: 'sweep-abcdefghjk-12-1-3', uid: 'uid-1' }],
  })
  expect(JSON.stringify(made().job)).not.toContain('swp_trial_1')
})

test('what this host knows of devices, homes and addresses stays here', () => {
  const env = { CUDA_VISIBLE_DEVICES: '3', CUDA_DEVICE_ORDER: 'PCI_BUS_ID', SWEEP_AGENT_HOME: '/h', 'PARAM_a/b': '1' }
  const local = variables(made({ env: { ...env, SWEEP_URL: 'http://127.0.0.1:4600' } }).container)
  for (const name of [...Object.keys(env), 'SWEEP_URL']) expect(local).not.toHaveProperty([name])
  expect(variables(made({ env: { SWEEP_URL: 'https://sweep.lan' } }).container)).toMatchObject({
    SWEEP_URL: 'https://sweep.lan',
  })
})

test('MLflow’s clients get the token as the program does, out of the secret, and only where the server can be reached', () => {
  const told = { MLFLOW_TRACKING_TOKEN: 'swp_trial_1', MLFLOW_RUN_ID: 'r', MLFLOW_EXPERIMENT_ID: 'e' }
  const env = (url: string) => ({ ...SPEC.env, ...told, SWEEP_URL: url, MLFLOW_TRACKING_URI: url })
  const far = made({ env: env('https://sweep.lan') })
  expect(variables(far.container)).toMatchObject({
    ...{ MLFLOW_TRACKING_URI: 'https://sweep.lan', MLFLOW_RUN_ID: 'r' },
    MLFLOW_TRACKING_TOKEN: { secretKeyRef: { name: 'sweep-abcdefghjk-12-1-3', key: 'token' } },
  })
  expect(JSON.stringify(far.job)).not.toContain('swp_trial_1')
  const near = Object.keys(variables(made({ env: env('http://127.0.0.1:4600') }).container))
  expect(near.filter((name) => name.startsWith('MLFLOW'))).toEqual([])
})

test('a trial that wants no GPU is shown none', () => {
  expect(variables(made({ gpus: [], resources: { gpus: 0 } }).container)).toMatchObject({
    CUDA_VISIBLE_DEVICES: '',
    NVIDIA_VISIBLE_DEVICES: 'void',
  })
  expect(variables(made({ gpus: undefined }).container)).not.toHaveProperty('NVIDIA_VISIBLE_DEVICES')
})

test('what the kubelet would put values into is escaped', () => {
  const { container } = made({ argv: ['echo', '$(HOME) $$ $x'], env: { A: '$(B)' } })
  expect(container['command']).toEqual(['echo', '$$(HOME) $$$$ $$x'])
  expect(variables(container)['A']).toBe('$$(B)')
})

test('resources of the sweep become requests and limits, and what the template says of one stands', () => {
  const resources = { cpus: 1.5, memoryBytes: 1024, gpus: 2 }
  const all = { cpu: '1.5', memory: '1024', 'amd.com/gpu': '2' }
  expect(made({ resources }, { gpuResource: 'amd.com/gpu' }).container['resources']).toEqual({
    requests: all,
    limits: all,
  })
  const template = { spec: { containers: [{ resources: { limits: { memory: '2Ki' }, requests: { cpu: '1' } } }] } }
  expect(made({ resources: { cpus: 2, memoryBytes: 1024 } }, { template }).container['resources']).toEqual({
    requests: { cpu: '1', memory: '2Ki' },
    limits: { cpu: '2', memory: '2Ki' },
  })
  expect(made({ resources: { gpus: 0 } }).container['resources']).toEqual({ requests: {}, limits: {} })
})

test('the template is taken as it is but for what makes it this attempt', () => {
  const { image: _, ...rest } = POD
  const template: PodTemplate = {
    metadata: { labels: { team: 'a', 'sweep-hpo/trial': '99' }, annotations: { note: 'x' } },
    spec: {
      containers: [
        {
          name: 'trainer',
          image: 'other/train:2',
          env: [
            { name: 'KEPT', value: '1' },
            { name: 'SWEEP_ID', value: 'wrong' },
          ],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
          somethingNew: { a: 1 },
        },
        { name: 'proxy', image: 'proxy:1' },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', tolerationSeconds: 5 }],
      nodeSelector: { gpu: 'h200' },
      serviceAccountName: 'trainer',
      shareProcessNamespace: false,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 5,
    },
  }
  const job = jobManifest(SPEC, { ...rest, template }, NEW) as unknown as Shape
  const { spec, metadata } = job.spec.template
  expect(metadata.labels).toMatchObject({ team: 'a', 'sweep-hpo/trial': '12' })
  expect(metadata.annotations).toMatchObject({ note: 'x' })
  expect(spec).toMatchObject({
    ...{ nodeSelector: { gpu: 'h200' }, serviceAccountName: 'trainer', shareProcessNamespace: false },
    ...{ restartPolicy: 'Never', terminationGracePeriodSeconds: 30 },
  })
  expect(spec).not.toHaveProperty('automountServiceAccountToken')
  expect((spec['tolerations'] as Any[]).map(({ key, tolerationSeconds }) => `${key} ${tolerationSeconds}`)).toEqual([
    'node.kubernetes.io/unreachable 5',
    'node.kubernetes.io/not-ready 60',
  ])
  expect(spec.containers.map(({ name, image }) => `${name} ${image}`)).toEqual([
    'trainer other/train:2',
    'proxy proxy:1',
  ])
  expect(spec.containers[0]).toMatchObject({ somethingNew: { a: 1 } })
  expect(variables(spec.containers[0] ?? {})).toMatchObject({ KEPT: '1', SWEEP_ID: 'abcdefghjk' })
  expect(spec.containers[0]).toMatchObject({ volumeMounts: [{ name: 'data', mountPath: '/data' }, {}, {}, {}] })
})

test('checkpoints have a folder of their own on the volume that the sweep names', () => {
  const { container } = made({}, { checkpoints: '/ckpt/' })
  expect(variables(container)).toMatchObject({ SWEEP_CHECKPOINTS: '/ckpt/abcdefghjk-12-1' })
})

test('the name of a Job is a DNS label whatever the id, and another one for another attempt', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.nat(), fc.nat(), (id, one, other) => {
      const name = jobName(id, one)
      // The cluster adds six characters for the pod.
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,55}[a-z0-9])?$/)
      expect(jobName(id, other) === name).toBe(one === other)
      expect(jobName(`${id}x`, one)).not.toBe(name)
    }),
  )
  expect(jobName('ABC-1-1', 1)).not.toBe(jobName('abc-1-1', 1))
})

test('any text makes a valid label', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(labelValue(text)).toMatch(/^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/)
    }),
  )
})
