import { parameterVariables } from '@sweep/launchers/inherited-environment'
import { HOME_TAG } from '@sweep/launchers/process/tagged-processes'
import type { RunFolder } from '@sweep/launchers/run-folder'
import { trialId } from '@sweep/spec/ids'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { type Held, visibleDevices } from '../slots/slot-table.ts'

export interface ProgramEnvironmentOptions {
  readonly inherited: Readonly<Record<string, string>>
  readonly assignment: Assignment
  readonly folder: RunFolder
  readonly held: Held
  readonly url: string
  readonly agentHome: string
  /** Folder of `sweep.py`, undefined where it was not found. */
  readonly sdkFolder: string | undefined
}

/** Everything a program finds in its environment. Ours wins over the sweep's `env`, which wins over the host's. */
export function programEnvironment(options: ProgramEnvironmentOptions): Record<string, string> {
  const { inherited, assignment, folder, held, sdkFolder } = options
  const env: Record<string, string> = {
    // Output to a file is kept back in blocks otherwise, and lines must be seen as they are written.
    PYTHONUNBUFFERED: '1',
    ...inherited,
    ...assignment.env,
    ...parameterVariables(assignment.config),
    SWEEP_RUN_DIR: folder.path,
    SWEEP_PARAMS: folder.params,
    SWEEP_METRICS: folder.metrics,
    SWEEP_ID: assignment.sweepId,
    SWEEP_TRIAL: String(assignment.trial),
    SWEEP_ATTEMPT: assignment.attemptId,
    SWEEP_SEED: String(assignment.seed),
    SWEEP_URL: options.url,
    SWEEP_TOKEN: assignment.token,
    [HOME_TAG]: options.agentHome,
  }
  tellMlflow(env, options)
  if (assignment.restore !== undefined) env['SWEEP_RESTORE'] = assignment.restore
  if (sdkFolder !== undefined) env['PYTHONPATH'] = env['PYTHONPATH'] ? `${sdkFolder}:${env['PYTHONPATH']}` : sdkFolder
  const devices = visibleDevices(held, assignment.shape)
  if (devices !== undefined) {
    env['CUDA_VISIBLE_DEVICES'] = devices
    // So that index 1 is the same card to CUDA and to nvidia-smi.
    env['CUDA_DEVICE_ORDER'] ??= 'PCI_BUS_ID'
  }
  return env
}

/**
 * Where MLflow's clients log: to the run of the trial. What the user says of it stands, and the empty address says that
 * they are to be told nothing. See docs/tracking/mlflow.md.
 */
function tellMlflow(env: Record<string, string>, { assignment, url }: ProgramEnvironmentOptions): void {
  if (env['MLFLOW_TRACKING_URI'] === '') delete env['MLFLOW_TRACKING_URI']
  else if (env['MLFLOW_TRACKING_URI'] === undefined) {
    env['MLFLOW_TRACKING_URI'] = url
    env['MLFLOW_TRACKING_TOKEN'] = assignment.token
    env['MLFLOW_RUN_ID'] = trialId(assignment.sweepId, assignment.trial)
    env['MLFLOW_EXPERIMENT_ID'] = assignment.sweepId
    // A client takes these before a token.
    delete env['MLFLOW_TRACKING_USERNAME']
    delete env['MLFLOW_TRACKING_PASSWORD']
  }
}
