export const METRIC_CONTEXTS = ['train', 'eval', 'test'] as const
export type MetricContext = (typeof METRIC_CONTEXTS)[number]

/** What else people call them. */
const SPELLINGS: Readonly<Record<string, MetricContext>> = {
  train: 'train',
  training: 'train',
  eval: 'eval',
  val: 'eval',
  valid: 'eval',
  validation: 'eval',
  test: 'test',
}

export interface MetricPlace {
  /** `system` for the agent's samples of the machine; null for keys that name no split. */
  readonly context: MetricContext | 'system' | null
  /** Of `{split}/{task}/{name}`. */
  readonly task: string | null
  readonly name: string
}

/**
 * What the key of a metric says: `{split}/{name}`, `{split}/{task}/{name}`, `system/{resource}` or only a name. With more
 * slashes the rest belongs to the name.
 */
export function metricPlace(key: string): MetricPlace {
  const parts = key.split('/')
  const first = parts[0] ?? ''
  if (parts.length < 2 || parts.some((part) => part === '')) return { context: null, task: null, name: key }
  if (first === 'system') return { context: 'system', task: null, name: parts.slice(1).join('/') }
  const context = Object.hasOwn(SPELLINGS, first) ? SPELLINGS[first] : undefined
  if (context === undefined) return { context: null, task: null, name: key }
  if (parts.length === 2) return { context, task: null, name: parts[1] ?? '' }
  return { context, task: parts[1] ?? '', name: parts.slice(2).join('/') }
}

/** The key of a metric that was logged with a context beside its name. */
export function keyInContext(context: MetricContext | undefined, name: string): string {
  return context === undefined || metricPlace(name).context === context ? name : `${context}/${name}`
}
