import { didYouMean } from '../did-you-mean.ts'
import type { Condition } from '../search-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import { seen } from './input-issues.ts'
import type { Distribution } from './input-schema.ts'
import { readNumber } from './plain-scalar.ts'
import type { Report } from './report.ts'
import type { MapNode, ScalarNode, SourceNode } from './source-node.ts'

export interface ParameterBase {
  readonly name: string
  readonly path: string[]
  readonly when?: Condition
}

export interface SpelledNumber {
  readonly value: number
  readonly float: boolean
}

/** The keys of each distribution. */
export const USES: Readonly<Record<Distribution, readonly string[]>> = {
  constant: ['value'],
  categorical: ['values'],
  categorical_w_probabilities: ['values', 'probabilities'],
  int_uniform: ['min', 'max'],
  uniform: ['min', 'max'],
  q_uniform: ['min', 'max', 'q'],
  log_uniform: ['min', 'max'],
  log_uniform_values: ['min', 'max'],
  q_log_uniform: ['min', 'max', 'q'],
  q_log_uniform_values: ['min', 'max', 'q'],
  inv_log_uniform: ['min', 'max'],
  inv_log_uniform_values: ['min', 'max'],
  normal: ['mu', 'sigma'],
  q_normal: ['mu', 'sigma', 'q'],
  log_normal: ['mu', 'sigma'],
  q_log_normal: ['mu', 'sigma', 'q'],
  beta: ['a', 'b'],
  q_beta: ['a', 'b', 'q'],
}

export const VALUE_KEYS: readonly string[] = [
  'value',
  'values',
  'probabilities',
  'min',
  'max',
  'q',
  'mu',
  'sigma',
  'a',
  'b',
]
export const KNOWN_KEYS: readonly string[] = [...VALUE_KEYS, 'distribution', 'default', 'prior', 'when', 'parameters']

export function isKnownKey(key: string): boolean {
  return KNOWN_KEYS.includes(key)
}

/** Reads the keys of one parameter's map and reports what is wrong with them. */
export class ParameterReader {
  protected failed = false
  protected readonly report: Report
  protected readonly map: MapNode
  protected readonly at: DocumentPath
  protected readonly base: ParameterBase
  protected readonly lenient: boolean

  constructor(report: Report, map: MapNode, at: DocumentPath, base: ParameterBase, lenient: boolean) {
    this.report = report
    this.map = map
    this.at = at
    this.base = base
    this.lenient = lenient
  }

  /** The number at a key; text that spells one is taken with a warning, since PyYAML makes text of `1e-5`. */
  protected number(key: string): SpelledNumber | null {
    const node = this.map.entries.get(key)?.value
    if (node === undefined) return null
    const number = this.spelled(key)
    if (number === null) return this.fail(`${key} is ${seen(node)}, but must be a number`, { key })
    if (node.kind === 'scalar' && typeof node.value === 'string') {
      this.report.warn([...this.at, key], `${key} is the text "${node.text}"; it is read as a number`, {
        hint: 'Leave the quotes out.',
      })
    }
    return number
  }

  protected spelled(key: string): SpelledNumber | null {
    const node = this.map.entries.get(key)?.value
    if (node?.kind !== 'scalar') return null
    if (typeof node.value === 'number') return { value: node.value, float: node.float }
    const reading = typeof node.value === 'string' ? readNumber(node.value.trim()) : null
    return reading?.ok === true && typeof reading.value === 'number'
      ? { value: reading.value, float: reading.float }
      : null
  }

  protected need(key: string, distribution: Distribution): SourceNode | null {
    const node = this.map.entries.get(key)?.value
    if (node !== undefined) return node
    const misspelt = didYouMean(
      key,
      [...this.map.entries.keys()].filter((other) => !isKnownKey(other)),
    )
    const hint = misspelt === null ? undefined : `"${misspelt}" was seen; did you mean "${key}"?`
    const all = USES[distribution].filter((used) => used !== 'q').join(' and ')
    this.report.error(this.at, `${this.base.name} lacks ${key}`, {
      hint: hint ?? `Distribution ${distribution} needs ${all}.`,
      at: 'key',
    })
    this.failed = true
    return null
  }

  protected warnLegacy(node: SourceNode, ...path: (string | number)[]): void {
    if (!isLegacy(node)) return
    this.report.warn([...this.at, ...path], `${node.text} is text here, while older YAML reads ${node.legacy}`)
  }

  protected text(key: string): string {
    const node = this.map.entries.get(key)?.value
    return node?.kind === 'scalar' ? node.text : ''
  }

  protected fail(message: string, options: { key: string; hint?: string | undefined; at?: 'key' | 'value' }): null {
    this.failed = true
    const { key, ...rest } = options
    this.report.error([...this.at, key], `${this.base.name}: ${message}`, rest)
    return null
  }
}

function isLegacy(node: SourceNode): node is ScalarNode & { legacy: string } {
  return node.kind === 'scalar' && node.legacy !== undefined
}
