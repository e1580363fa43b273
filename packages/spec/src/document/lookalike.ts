import { type MapNode, nodeAt } from './source-node.ts'

interface Lookalike {
  readonly what: string
  readonly hint: string
}

/** What a file that failed to parse may be instead, judged by keys that only the other tool has. */
export function lookalike(root: MapNode): Lookalike | null {
  const has = (...keys: string[]): boolean => keys.some((key) => root.entries.has(key))
  const text = (key: string): string => {
    const node = root.entries.get(key)?.value
    return node?.kind === 'scalar' ? String(node.value) : ''
  }
  if (text('apiVersion').startsWith('kubeflow.org') || (text('kind') === 'Experiment' && has('spec'))) {
    return {
      what: 'a Katib Experiment',
      hint: 'Write its spec.parameters as parameters: {name: {min: ..., max: ...}}.',
    }
  }
  if (has('searcher') && has('hyperparameters')) {
    return {
      what: 'a Determined experiment',
      hint: 'Write hyperparameters as parameters, and searcher.metric as metric: {name: ...}.',
    }
  }
  if (has('defaults', 'hydra') || holdsInterpolation(root)) {
    return {
      what: 'a Hydra configuration',
      hint: 'Write the sweep with its values filled in: `python train.py --cfg job --resolve` prints them.',
    }
  }
  if (has('param_space', 'tune_config', 'num_samples', 'run_config')) {
    return {
      what: 'a Ray Tune configuration',
      hint: 'Write param_space as parameters: {lr: {min: 0.001, max: 0.1}} and num_samples as run_cap.',
    }
  }
  if (has('n_trials', 'study_name', 'study', 'sampler', 'pruner', 'direction')) {
    return {
      what: 'an Optuna configuration',
      hint: 'Add method: random, write n_trials as run_cap, and drop `type` from the parameters.',
    }
  }
  if (nodeAt(root, ['metric'])?.kind === 'scalar' && nestsWithoutKey(root)) {
    return {
      what: "another tool's sweep",
      hint: 'Here metric is a map, {name: ..., goal: minimize}, and nested parameters stand under `parameters:`.',
    }
  }
  return null
}

function holdsInterpolation(root: MapNode): boolean {
  return [...root.entries.values()].some(
    ({ value }) => value.kind === 'scalar' && typeof value.value === 'string' && /\$\{oc\.|^\?\?\?$/.test(value.value),
  )
}

/** Whether some parameter is a map of maps, with no `parameters` key between. */
function nestsWithoutKey(root: MapNode): boolean {
  const parameters = nodeAt(root, ['parameters'])
  if (parameters?.kind !== 'map') return false
  return [...parameters.entries.values()].some(
    ({ value }) =>
      value.kind === 'map' &&
      value.entries.size > 0 &&
      [...value.entries.values()].every((inner) => inner.value.kind === 'map'),
  )
}
