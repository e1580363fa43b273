import { hostname } from 'node:os'
import { type MonitorSettings, MonitorVariables, monitorSettings } from '@sweep/monitoring/monitor-settings'
import { LABEL_NAME, LAUNCHERS } from '@sweep/spec/document/sweep-document'
import { type Environment, LogLevel, parseEnvironment, whole } from '@sweep/spec/environment'
import { SweepError } from '@sweep/spec/errors'
import { sweepHome } from '@sweep/spec/sweep-home'
import { parseMemory } from '@sweep/spec/units'
import { z } from 'zod'
import { KEEP_RUNS_EXAMPLES, type KeepRuns, parseKeepRuns } from './home/keep-runs.ts'

export interface AgentSettings {
  /** Address of the server, such as `http://127.0.0.1:4600`. */
  readonly url: string
  /** A user's or a join token, to register with; an agent that has registered before goes by its own. */
  readonly token: string | undefined
  /** Folder of everything of ours on this host; the agent's own is `agents/<name>` in it. */
  readonly home: string
  readonly name: string
  /** Pools that the agent serves. */
  readonly queues: readonly string[]
  /** How many trials at once; by the GPUs, or else half the CPUs, when absent. */
  readonly slots: number | undefined
  /** How many of them share each GPU; 1 when absent. */
  readonly slotsPerGpu: number | undefined
  /** Indices of GPUs to use; all that nvidia-smi shows when absent, none when empty. */
  readonly gpus: readonly number[] | undefined
  /** Names of the launchers to offer; `process` and whatever else answers when absent. */
  readonly launchers: readonly string[] | undefined
  /** Of launcher kubernetes: path of a kubeconfig, or else the cluster that the agent runs in. */
  readonly kubeconfig: string | undefined
  /** Where the Jobs of sweeps go that name no namespace. */
  readonly kubernetesNamespace: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** `auto`: takes tickets from the queue where the server lets it; `http`: never does. */
  readonly claim: 'auto' | 'http'
  /** Patterns of variables (`NAME` or `PREFIX_*`) that trials inherit besides the usual ones. */
  readonly passEnv: readonly string[]
  /** Where those are taken from: the agent's own environment. */
  readonly env: Environment
  /** Most bytes of code and checkpoints of others that are kept at hand. */
  readonly cacheBytes: number
  /** What stays of run folders whose attempts have ended. */
  readonly keepRuns: KeepRuns
  readonly version: string
  readonly monitor: MonitorSettings | undefined
  readonly logLevel: string
}

const Variables = MonitorVariables.extend({
  SWEEP_URL: z.url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:4600' }),
  SWEEP_TOKEN: z.string().optional(),
  SWEEP_AGENT_NAME: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/, 'must be letters, digits, dots, dashes and underscores, at most 60')
    .optional(),
  SWEEP_QUEUES: z.string().default('default'),
  SWEEP_SLOTS: whole.min(1).max(1024).optional(),
  SWEEP_SLOTS_PER_GPU: whole.min(1).max(64).optional(),
  SWEEP_GPUS: z
    .string()
    .regex(/^(none|all|\d+(\s*,\s*\d+)*)$/, 'must be indices such as 0,1, or none, or all')
    .optional(),
  SWEEP_LAUNCHERS: z
    .string()
    .refine((text) => list(text).every((name) => LAUNCHERS.some((one) => one === name)), {
      error: `must be some of ${LAUNCHERS.join(', ')}`,
    })
    .optional(),
  SWEEP_KUBECONFIG: z.string().optional(),
  KUBECONFIG: z.string().optional(),
  SWEEP_KUBERNETES_NAMESPACE: z.string().optional(),
  SWEEP_LABELS: z
    .string()
    .default('')
    .refine((text) => list(text).every((pair) => LABEL_NAME.test(pair.split('=')[0] ?? '') && pair.includes('=')), {
      error: 'must be pairs such as zone=b,disk=ssd',
    }),
  SWEEP_CLAIM: z.enum(['auto', 'http']).default('auto'),
  SWEEP_CACHE: z
    .string()
    .default('20GB')
    .refine((text) => parseMemory(text) !== null, { error: 'must be a size such as 20GB' }),
  SWEEP_KEEP_RUNS: z
    .string()
    .default('30d')
    .refine((text) => parseKeepRuns(text) !== null, { error: `must be such as ${KEEP_RUNS_EXAMPLES}` }),
  SWEEP_PASS_ENV: z.string().default(''),
  SWEEP_LOG_LEVEL: LogLevel,
})

function list(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== '')
}

/** @throws SweepError `invalid-request` naming the variable */
export function readSettings(env: Environment, version: string): AgentSettings {
  // Empty means none, except that SWEEP_GPUS='' hides the GPUs, as CUDA_VISIBLE_DEVICES does.
  const given = env['SWEEP_GPUS'] === '' ? { ...env, SWEEP_GPUS: 'none' } : env
  const found = parseEnvironment(Variables, given, {
    SWEEP_URL: 'Set it, or use `sweep agent start`, which knows the server you are logged in to.',
  })
  if (found.SWEEP_SLOTS !== undefined && found.SWEEP_SLOTS_PER_GPU !== undefined) {
    throw new SweepError('invalid-request', 'SWEEP_SLOTS and SWEEP_SLOTS_PER_GPU both say how many slots there are.', {
      hint: 'Leave one of them out.',
    })
  }
  return {
    url: found.SWEEP_URL.replace(/\/+$/, ''),
    token: found.SWEEP_TOKEN,
    home: sweepHome(env),
    name: found.SWEEP_AGENT_NAME ?? agentName(hostname()),
    queues: list(found.SWEEP_QUEUES),
    slots: found.SWEEP_SLOTS,
    slotsPerGpu: found.SWEEP_SLOTS_PER_GPU,
    gpus: gpuIndices(found.SWEEP_GPUS),
    launchers: list(found.SWEEP_LAUNCHERS ?? '').length === 0 ? undefined : list(found.SWEEP_LAUNCHERS ?? ''),
    kubeconfig: found.SWEEP_KUBECONFIG || found.KUBECONFIG || undefined,
    kubernetesNamespace: found.SWEEP_KUBERNETES_NAMESPACE || undefined,
    labels: Object.fromEntries(
      list(found.SWEEP_LABELS).map((pair) => {
        const [key = '', ...value] = pair.split('=')
        return [key, value.join('=')]
      }),
    ),
    claim: found.SWEEP_CLAIM,
    passEnv: list(found.SWEEP_PASS_ENV),
    env,
    cacheBytes: parseMemory(found.SWEEP_CACHE) ?? 0,
    keepRuns: parseKeepRuns(found.SWEEP_KEEP_RUNS) ?? {},
    version,
    logLevel: found.SWEEP_LOG_LEVEL,
    monitor: monitorSettings(found),
  }
}

function gpuIndices(text: string | undefined): readonly number[] | undefined {
  if (text === undefined || text === 'all') return undefined
  return text === 'none' ? [] : [...new Set(list(text).map(Number))]
}

/** The host's name as a name for an agent, which is also the name of a folder. */
export function agentName(host: string): string {
  const name = host
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 60)
  return name === '' ? 'agent' : name
}
