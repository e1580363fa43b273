import { metricPlace } from '@sweep/spec/tracking/metric-context'

/** The metric that a run is judged by. */
export interface Objective {
  readonly name: string
  readonly goal: 'minimize' | 'maximize'
}

/** What a metric tells of the health of a run, read off its name. */
export interface MetricRole {
  /** `loss` falls and `score` rises as training goes well. */
  readonly kind: 'loss' | 'score' | 'gradient-norm' | 'epoch' | 'gpu' | 'memory-bytes' | 'memory-percent'
  readonly split: 'train' | 'eval' | null
  /** The name without its split: what `train/loss` and `val_loss` have in common. */
  readonly base: string
  readonly isObjective: boolean
}

const TRAIN = new Set(['train', 'training'])
const EVAL = new Set(['val', 'valid', 'validation', 'eval', 'evaluation', 'test', 'dev', 'heldout'])
const LOSSES = new Set(['loss', 'nll', 'perplexity', 'ppl', 'mse', 'rmse', 'mae'])
const SCORES = new Set(['acc', 'accuracy', 'f1', 'auc', 'auroc', 'precision', 'recall'])
/** Losses that rise and fall in good trainings too: of agents that learn by reward, of networks that play each other. */
const UNSTEADY = new Set(
  ['policy', 'value', 'critic', 'actor', 'entropy', 'kl', 'q', 'td', 'g', 'd', 'gen', 'disc'].concat([
    'generator',
    'discriminator',
    'adversarial',
    'adv',
    'aux',
    'alpha',
  ]),
)

/** Undefined for metrics that tell nothing. */
export function metricRole(name: string, objective?: Objective): MetricRole | undefined {
  const role = { split: null, base: name, isObjective: false } as const
  if (metricPlace(name).context === 'system') {
    if (/^system\/gpu\d+_percent$/.test(name)) return { ...role, kind: 'gpu' }
    if (name === 'system/memory_bytes') return { ...role, kind: 'memory-bytes' }
    if (name === 'system/memory_percent') return { ...role, kind: 'memory-percent' }
    return undefined
  }
  const words = wordsOf(name)
  const split = words.some((word) => EVAL.has(word)) ? 'eval' : words.some((word) => TRAIN.has(word)) ? 'train' : null
  const rest = words.filter((word) => !TRAIN.has(word) && !EVAL.has(word))
  const base = rest.join('_')
  const isObjective = name === objective?.name
  const kind = kindOf(rest)
  if (isObjective && objective !== undefined && kind !== 'gradient-norm') {
    return { kind: objective.goal === 'minimize' ? 'loss' : 'score', split, base, isObjective }
  }
  return kind && { kind, split, base, isObjective }
}

function kindOf(words: readonly string[]): MetricRole['kind'] | undefined {
  const joined = words.join('_')
  if (/(^|_)grad(ient)?s?(_global|_total)?_norm$/.test(joined) || joined === 'gradnorm') return 'gradient-norm'
  if (joined === 'epoch') return 'epoch'
  if (words.some((word) => UNSTEADY.has(word))) return undefined
  if (words.some((word) => LOSSES.has(word))) return 'loss'
  return words.some((word) => SCORES.has(word)) ? 'score' : undefined
}

/** Longer names are nobody's losses, and not worth taking apart. */
const LONGEST_NAME = 200

function wordsOf(name: string): string[] {
  return name
    .slice(0, LONGEST_NAME)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}
