import { createHash } from 'node:crypto'
import type { KubernetesPod } from '@sweep/spec/document/kubernetes-pod'
import type { Json } from '@sweep/spec/number'
import { forgetServer } from '../forget-server.ts'
import type { LaunchSpec } from '../launcher.ts'
import { CODE_MOUNT, codeData, codeSecretName, codeVolume, POD_CODE_FOLDER } from './code-volume.ts'
import type { Job } from './objects.ts'
import type { Limits } from './pod-cause.ts'
import type { CodeFile } from './read-code.ts'
import type { SdkFiles } from './read-sdk.ts'

export type Manifest = { readonly [key: string]: Json }

/** What the objects of an attempt are found by; the id of the agent's home tells agents of one namespace apart. */
export const LABELS = {
  agent: 'sweep-hpo/agent',
  sweep: 'sweep-hpo/sweep',
  trial: 'sweep-hpo/trial',
  attempt: 'sweep-hpo/attempt',
  epoch: 'sweep-hpo/epoch',
} as const
/** The attempt's id as it is; a label can't hold every text. */
export const ATTEMPT_ANNOTATION = 'sweep-hpo/attempt-id'
const HOME_ANNOTATION = 'sweep-hpo/agent-home'
/** For an agent that comes later and knows the Job alone. */
const IMAGE_TIMEOUT_ANNOTATION = 'sweep-hpo/image-timeout-ms'
const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name'

/** The run folder as the program sees it, empty but for `params.json`; it goes with the pod. */
export const POD_RUN_FOLDER = '/sweep/run'
/** Read only: params.json and the SDK. */
const POD_FILES_FOLDER = '/sweep/files'
const TRACKING_FILE = 'sweep_tracking.zip'

/** A pod on a node that falls silent is given up after this, where Kubernetes itself would wait for 300 s. */
const NODE_SILENT_S = 60
const SILENT_NODE_TAINTS = ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready']

/** The name of a Job also names its pods (with six characters more) and is a label. */
const LONGEST_NAME = 57

export interface ServerVersion {
  readonly major: number
  readonly minor: number
}

export interface JobFiles {
  readonly params: string
  /** Undefined where it was not found. */
  readonly sdk: SdkFiles | undefined
}

/** `sweep-<attempt>-<epoch>`, as a DNS label whatever the id: an attempt that is claimed again gets another Job. */
export function jobName(id: string, epoch: number): string {
  const plain = `sweep-${id}-${epoch}`
  if (plain.length <= LONGEST_NAME && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(plain)) return plain
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 12)
  const readable = plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_NAME - hash.length - 1)
    .replace(/-+$/, '')
  return `${readable}-${hash}`
}

/** A text as the value of a label: what it can't hold is replaced, and what is too long is cut. */
export function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

/**
 * The Kubernetes Job of one attempt. What the sweep's template says stands, except for what makes it this attempt: the
 * command, its environment, and that it runs once.
 * @param code what is brought to it, in a Secret of its own (`codeSecretManifest`); absent: the image has it
 */
export function jobManifest(
  spec: LaunchSpec,
  pod: KubernetesPod,
  server: ServerVersion,
  code?: readonly CodeFile[],
): Manifest {
  const { labels, name } = identity(spec)
  const annotations = { [ATTEMPT_ANNOTATION]: spec.id, [HOME_ANNOTATION]: spec.agent.home }
  const { metadata = {}, spec: template = {} } = pod.template ?? {}
  const queue: Manifest = pod.queue === undefined ? {} : { [QUEUE_LABEL]: pod.queue }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      labels: { ...labels, ...queue },
      annotations: { ...annotations, [IMAGE_TIMEOUT_ANNOTATION]: String(pod.imageTimeoutMs) },
    },
    spec: {
      backoffLimit: 0,
      ...(pod.deadlineMs === undefined ? {} : { activeDeadlineSeconds: Math.ceil(pod.deadlineMs / 1000) }),
      ttlSecondsAfterFinished: Math.ceil(pod.ttlMs / 1000),
      ...oncePolicy(server),
      template: {
        metadata: {
          labels: { ...metadata.labels, ...labels },
          annotations: { ...metadata.annotations, ...annotations },
        },
        spec: podSpec(spec, pod, template as Manifest, name, code),
      },
    },
  }
}

/**
 * What the pod of a Job mounts, owned by the Job and so removed with it.
 * @param owner uid of the Job
 */
export function secretManifest(spec: LaunchSpec, files: JobFiles, owner: string): Manifest {
  const data = {
    'params.json': files.params,
    ...(files.sdk === undefined ? {} : { 'sweep.py': files.sdk.sweep }),
    ...(files.sdk?.tracking === undefined ? {} : { [TRACKING_FILE]: files.sdk.tracking }),
    ...(spec.env['SWEEP_TOKEN'] === undefined ? {} : { token: spec.env['SWEEP_TOKEN'] }),
  }
  return ownedSecret(spec, identity(spec).name, data, owner)
}

/** The code that the pod of a Job mounts, likewise. */
export function codeSecretManifest(spec: LaunchSpec, code: readonly CodeFile[], owner: string): Manifest {
  return ownedSecret(spec, codeSecretName(identity(spec).name), codeData(code), owner)
}

function ownedSecret(
  spec: LaunchSpec,
  secret: string,
  data: Readonly<Record<string, string | Buffer>>,
  owner: string,
): Manifest {
  const { labels, name } = identity(spec)
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secret,
      labels,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid: owner, controller: true }],
    },
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(data).map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')])),
  }
}

/** What the Job of an attempt says of it. */
export function limitsOf(job: Job | null): Limits {
  const { labels = {}, annotations = {} } = job?.metadata ?? {}
  return { imageTimeoutMs: Number(annotations[IMAGE_TIMEOUT_ANNOTATION] ?? 0), queue: labels[QUEUE_LABEL] }
}

function identity({ agent, id, labels: { sweep, trial, attempt, epoch } }: LaunchSpec) {
  return {
    name: jobName(id, epoch),
    labels: {
      [LABELS.agent]: labelValue(agent.id),
      [LABELS.sweep]: labelValue(sweep),
      [LABELS.trial]: String(trial),
      [LABELS.attempt]: String(attempt),
      [LABELS.epoch]: String(epoch),
    },
  }
}

/** Where the server knows how: a pod that was evicted or preempted is not replaced, since a retry is the sweep's to decide. */
function oncePolicy({ major, minor }: ServerVersion): Manifest {
  if (major === 1 && minor < 26) return {}
  const onPodConditions = [{ type: 'DisruptionTarget', status: 'True' }]
  return { podFailurePolicy: { rules: [{ action: 'FailJob', onPodConditions }] } }
}

function podSpec(
  spec: LaunchSpec,
  pod: KubernetesPod,
  template: Manifest,
  secret: string,
  code: readonly CodeFile[] | undefined,
): Manifest {
  const { containers, volumes, tolerations, ...rest } = template
  const [training = {}, ...others] = list(containers)
  const tolerated = list(tolerations)
  const silent = SILENT_NODE_TAINTS.filter((key) => !tolerated.some((one) => one['key'] === key))
  return {
    // Else the program is the first process of its namespace, which gets no SIGTERM that it has no handler for.
    ...(rest['hostPID'] === true ? {} : { shareProcessNamespace: true }),
    ...(rest['serviceAccountName'] === undefined ? { automountServiceAccountToken: false } : {}),
    enableServiceLinks: false,
    ...rest,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: Math.max(1, Math.ceil(spec.graceMs / 1000)),
    tolerations: [
      ...tolerated,
      ...silent.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: NODE_SILENT_S })),
    ],
    volumes: [
      ...list(volumes),
      { name: 'sweep-files', secret: { secretName: secret, defaultMode: 0o444 } },
      { name: 'sweep-run', emptyDir: {} },
      ...(code === undefined ? [] : [codeVolume(secret, code)]),
    ],
    containers: [trainingContainer(spec, pod, training, secret, code !== undefined), ...others],
  }
}

function trainingContainer(
  spec: LaunchSpec,
  pod: KubernetesPod,
  template: Manifest,
  secret: string,
  hasCode: boolean,
): Manifest {
  const { env, resources, volumeMounts, args: _, ...rest } = template
  return {
    name: 'train',
    ...(pod.image === undefined ? {} : { image: pod.image }),
    ...(hasCode ? { workingDir: POD_CODE_FOLDER } : {}),
    ...rest,
    command: spec.argv.map((argument) => verbatim(argument.replaceAll(spec.runFolder, POD_RUN_FOLDER))),
    env: environment(spec, pod, list(env), secret),
    resources: resourcesOf(spec, pod, (resources ?? {}) as Manifest),
    volumeMounts: [
      ...list(volumeMounts),
      { name: 'sweep-run', mountPath: POD_RUN_FOLDER },
      { name: 'sweep-files', mountPath: POD_FILES_FOLDER, readOnly: true },
      ...(hasCode ? [CODE_MOUNT] : []),
      { name: 'sweep-files', mountPath: `${POD_RUN_FOLDER}/params.json`, subPath: 'params.json', readOnly: true },
    ],
  }
}

/** The kubelet puts variables in the place of `$(NAME)`, and reads `$$` as `$`. */
function verbatim(text: string): string {
  return text.replaceAll('$', '$$$$')
}

/** Paths of this host mean nothing in the pod, and its devices are the cluster's to hand out. */
const OF_THIS_HOST = new Set(['CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'SWEEP_AGENT_HOME'])
const LOOPBACK = /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/

function environment(spec: LaunchSpec, pod: KubernetesPod, template: Manifest[], secret: string): Manifest[] {
  const isNear = LOOPBACK.test(spec.env['SWEEP_URL'] ?? '')
  const { PYTHONPATH: pythonPath, ...given } = isNear ? forgetServer(spec.env) : spec.env
  // What is good for the trial is a secret, under whichever name; the user's own token for MLflow is not ours to keep.
  const secrets = ['SWEEP_TOKEN', 'MLFLOW_TRACKING_TOKEN'].filter(
    (name) => given[name] !== undefined && given[name] === spec.env['SWEEP_TOKEN'],
  )
  const own = pythonPath?.split(':').filter((folder) => folder !== spec.sdkFolder) ?? []
  const values: Record<string, string> = {
    ...Object.fromEntries(
      Object.entries(given).filter(
        ([name]) => !OF_THIS_HOST.has(name) && !secrets.includes(name) && /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name),
      ),
    ),
    PYTHONPATH: [POD_FILES_FOLDER, `${POD_FILES_FOLDER}/${TRACKING_FILE}`, ...own].join(':'),
    SWEEP_RUN_DIR: POD_RUN_FOLDER,
    SWEEP_PARAMS: `${POD_RUN_FOLDER}/params.json`,
    // Lines of JSON on the output are understood as well, for programs that append to this file by themselves.
    SWEEP_METRICS: '/dev/stdout',
    SWEEP_REPORT: 'stdout',
    ...checkpointVariables(spec, pod, isNear),
    // Some images show all GPUs of their node unless they are told not to.
    ...(spec.gpus?.length === 0 ? { CUDA_VISIBLE_DEVICES: '', NVIDIA_VISIBLE_DEVICES: 'void' } : {}),
  }
  const tokens = secrets.map((name) => ({ name, valueFrom: { secretKeyRef: { name: secret, key: 'token' } } }))
  return [
    ...template.filter(({ name }) => !Object.hasOwn(values, String(name))),
    ...Object.entries(values).map(([name, value]) => ({ name, value: verbatim(value) })),
    ...tokens,
  ]
}

/** Where checkpoints go; in a folder of its attempt, so that the path says which one is meant. */
function checkpointVariables(spec: LaunchSpec, pod: KubernetesPod, isNear: boolean): Record<string, string> {
  if (pod.checkpoints !== undefined) return { SWEEP_CHECKPOINTS: `${pod.checkpoints.replace(/\/+$/, '')}/${spec.id}` }
  if (spec.keepsCheckpoints !== true || isNear) return {}
  return { SWEEP_CHECKPOINTS: `${POD_RUN_FOLDER}/checkpoints/${spec.id}`, SWEEP_CHECKPOINT_COPIES: '1' }
}

/** `resources` of the sweep as requests and limits; what the template says of one stands. */
function resourcesOf(spec: LaunchSpec, pod: KubernetesPod, template: Manifest): Manifest {
  const { cpus, gpus, memoryBytes } = spec.resources
  const asked = {
    ...(cpus === undefined ? {} : { cpu: String(cpus) }),
    ...(memoryBytes === undefined ? {} : { memory: String(memoryBytes) }),
    ...(gpus === undefined || gpus === 0 ? {} : { [pod.gpuResource]: String(gpus) }),
  }
  const { requests, limits, ...rest } = template as { requests?: Manifest; limits?: Manifest } & Manifest
  return {
    ...rest,
    // A request above a limit of the template would be refused, so what is limited there is not asked for here.
    requests: { ...asked, ...limits, ...requests },
    limits: { ...asked, ...limits },
  }
}

function list(json: Json | undefined): Manifest[] {
  return (json ?? []) as unknown as Manifest[]
}
