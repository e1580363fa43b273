/** Variables by which MLflow's clients find the server and the run of the trial. */
const MLFLOW = ['MLFLOW_TRACKING_URI', 'MLFLOW_TRACKING_TOKEN', 'MLFLOW_RUN_ID', 'MLFLOW_EXPERIMENT_ID']

/** Without the address of a server that can't be reached from where the program runs. What the user has set stays. */
export function forgetServer(env: Readonly<Record<string, string>>): Record<string, string> {
  const { SWEEP_URL: url, ...others } = env
  if (url === undefined || others['MLFLOW_TRACKING_URI'] !== url) return others
  return Object.fromEntries(Object.entries(others).filter(([name]) => !MLFLOW.includes(name)))
}
