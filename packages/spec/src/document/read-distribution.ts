import { assertNever } from '../assert-never.ts'
import { didYouMean } from '../did-you-mean.ts'
import type { Json } from '../number.ts'
import type { Parameter, Quantum } from '../search-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import { seen } from './input-issues.ts'
import { DISTRIBUTIONS, type Distribution } from './input-schema.ts'
import {
  isKnownKey,
  KNOWN_KEYS,
  type ParameterBase,
  ParameterReader,
  type SpelledNumber,
  USES,
  VALUE_KEYS,
} from './parameter-reader.ts'
import type { Report } from './report.ts'
import { type MapNode, toJson } from './source-node.ts'

/**
 * One parameter from its map, by W&B's rules: the distribution is inferred from the keys when it is not named, and two
 * bounds spelled as integers make an integer. Null when an error was reported.
 */
export function readDistribution(
  report: Report,
  map: MapNode,
  at: DocumentPath,
  base: ParameterBase,
  lenient: boolean,
): Parameter | null {
  return new DistributionReader(report, map, at, base, lenient).read()
}

class DistributionReader extends ParameterReader {
  read(): Parameter | null {
    const distribution = this.distribution()
    if (distribution === null) return null
    const unused = [...this.map.entries.keys()].filter(
      (key) => VALUE_KEYS.includes(key) && !USES[distribution].includes(key),
    )
    for (const key of unused) {
      const message = `"${key}" has no effect with distribution ${distribution}`
      const options = { hint: unusedHint(key, distribution), at: 'key' } as const
      if (this.lenient) this.report.warn([...this.at, key], message, options)
      else this.fail(message, { key, ...options })
    }
    const parameter = this.build(distribution)
    return this.failed ? null : parameter
  }

  private build(distribution: Distribution): Parameter | null {
    switch (distribution) {
      case 'constant': {
        const node = this.need('value', distribution)
        if (node === null) return null
        this.warnLegacy(node, 'value')
        const float = node.kind === 'scalar' && node.float
        return { ...this.base, type: 'constant', value: toJson(node), ...(float ? { float } : {}) }
      }
      case 'categorical':
      case 'categorical_w_probabilities':
        return this.choice(distribution)
      case 'int_uniform':
        return this.integer()
      case 'uniform':
      case 'q_uniform':
        return this.float(distribution, 'linear', false)
      case 'log_uniform':
      case 'q_log_uniform':
        return this.float(distribution, 'log', true)
      case 'log_uniform_values':
      case 'q_log_uniform_values':
        return this.float(distribution, 'log', false)
      case 'inv_log_uniform':
        return this.float(distribution, 'inverse-log', true)
      case 'inv_log_uniform_values':
        return this.float(distribution, 'inverse-log', false)
      case 'normal':
      case 'q_normal':
      case 'log_normal':
      case 'q_log_normal': {
        const mu = this.number('mu')?.value ?? 0
        const sigma = this.aboveZero('sigma', 1)
        const scale = distribution.includes('log') ? 'log' : 'linear'
        return { ...this.base, type: 'normal', mu, sigma, scale, ...this.quantum(distribution) }
      }
      case 'beta':
      case 'q_beta': {
        const [a, b] = [this.aboveZero('a', 1), this.aboveZero('b', 1)]
        return { ...this.base, type: 'beta', a, b, ...this.quantum(distribution) }
      }
      default:
        return assertNever(distribution)
    }
  }

  private distribution(): Distribution | null {
    const has = (key: string): boolean => this.map.entries.has(key)
    const named = this.map.entries.get('distribution')?.value
    const name = named?.kind === 'scalar' ? DISTRIBUTIONS.find((known) => known === named.value) : undefined
    if (name !== undefined) {
      const isSpread = name !== 'constant' && !name.startsWith('categorical')
      if (isSpread && has('values') && !has('min') && !has('max')) {
        this.report.warn(
          [...this.at, 'distribution'],
          `distribution ${name} has no use for values; they are read as a choice`,
        )
        return 'categorical'
      }
      return name === 'categorical' && has('probabilities') ? 'categorical_w_probabilities' : name
    }
    if (has('value')) return 'constant'
    if (has('values')) return has('probabilities') ? 'categorical_w_probabilities' : 'categorical'
    if (has('min') || has('max')) {
      if (has('q')) return 'q_uniform'
      const [min, max] = [this.spelled('min'), this.spelled('max')]
      return min?.float === false && max?.float === false ? 'int_uniform' : 'uniform'
    }
    if (has('mu') || has('sigma')) return has('q') ? 'q_normal' : 'normal'
    if (has('a') || has('b')) return has('q') ? 'q_beta' : 'beta'
    this.failShapeless()
    return null
  }

  private failShapeless(): void {
    const keys = [...this.map.entries.keys()]
    const nestsMaps = keys.length > 0 && [...this.map.entries.values()].every((entry) => entry.value.kind === 'map')
    const name = String(this.at.at(-1))
    const misspelt = keys.find((key) => !isKnownKey(key) && didYouMean(key, KNOWN_KEYS) !== null)
    if (misspelt !== undefined && !nestsMaps) {
      this.report.error([...this.at, misspelt], `${this.base.name} says nothing about its values`, {
        hint: `"${misspelt}" was seen; did you mean "${didYouMean(misspelt, KNOWN_KEYS)}"?`,
        at: 'key',
      })
      return
    }
    this.report.error(this.at, `${this.base.name} says nothing about its values`, {
      hint: nestsMaps
        ? `Nested parameters go under a key of that name: ${name}: {parameters: {${keys[0]}: ...}}.`
        : 'Add value, values, or min and max.',
      at: 'key',
    })
  }

  private choice(distribution: Distribution): Parameter | null {
    const node = this.need('values', distribution)
    if (node === null) return null
    if (node.kind !== 'list') {
      this.report.warn([...this.at, 'values'], `values is ${seen(node)}, not a list; it is read as a list of one`, {
        hint: 'Write value for a constant.',
      })
    }
    const items = node.kind === 'list' ? node.items : [node]
    if (items.length === 0) return this.fail('values is empty', { key: 'values', hint: 'List at least one value.' })
    for (const [index, item] of items.entries()) this.warnLegacy(item, 'values', index)
    const floats = items.flatMap((item, index) => (item.kind === 'scalar' && item.float ? [index] : []))
    const values: Json[] = items.map(toJson)
    const probabilities = distribution === 'categorical_w_probabilities' ? this.probabilities(values.length) : undefined
    return {
      ...this.base,
      type: 'choice',
      values,
      ...(probabilities === undefined ? {} : { probabilities }),
      ...(floats.length === 0 ? {} : { floats }),
    }
  }

  private probabilities(count: number): number[] | undefined {
    const node = this.need('probabilities', 'categorical_w_probabilities')
    if (node === null) return undefined
    const list =
      node.kind === 'list' ? node.items.map((item) => (item.kind === 'scalar' ? Number(item.value) : Number.NaN)) : []
    const sum = list.reduce((total, probability) => total + probability, 0)
    const key = 'probabilities'
    if (list.length !== count) {
      this.fail(`there are ${list.length} probabilities for ${count} values`, {
        key,
        hint: 'Give one for each value.',
        at: 'key',
      })
    } else if (!(Math.abs(sum - 1) < 1e-6)) {
      this.fail(`the probabilities add up to ${Number(sum.toPrecision(6))}`, {
        key,
        hint: 'They must add up to 1.',
        at: 'key',
      })
    }
    // Thirds and their like are a few units off in the last place.
    return list.map((probability) => probability / sum)
  }

  private integer(): Parameter | null {
    const bounds = this.bounds('int_uniform')
    if (bounds === null) return null
    for (const key of ['min', 'max'] as const) {
      if (!Number.isSafeInteger(bounds[key].value)) {
        return this.fail(`int_uniform needs whole numbers, but ${key} is ${bounds[key].value}`, {
          key,
          hint: 'Use distribution: uniform for a float.',
        })
      }
    }
    return { ...this.base, type: 'int', min: bounds.min.value, max: bounds.max.value, scale: 'linear' }
  }

  private float(
    distribution: Distribution,
    scale: 'linear' | 'log' | 'inverse-log',
    exponents: boolean,
  ): Parameter | null {
    const bounds = this.bounds(distribution)
    const quantum = this.quantum(distribution)
    if (bounds === null) return null
    let [min, max] = [bounds.min.value, bounds.max.value]
    if (exponents) {
      // log(1/X) between min and max puts X between exp(-max) and exp(-min).
      const sign = scale === 'inverse-log' ? -1 : 1
      ;[min, max] =
        scale === 'inverse-log' ? [Math.exp(sign * max), Math.exp(sign * min)] : [Math.exp(min), Math.exp(max)]
      const range = `${Number(min.toPrecision(4))} to ${Number(max.toPrecision(4))}`
      if (!(min > 0 && Number.isFinite(max) && min < max)) {
        return this.fail(`min and max of ${distribution} are exponents of e, and these give ${range}`, {
          key: 'min',
          hint: `For bounds that are values use distribution: ${distribution}_values.`,
        })
      }
      this.report.warn(
        [...this.at, 'distribution'],
        `min and max of ${distribution} are exponents of e: values go from ${range}`,
        {
          hint: `For bounds that are values use distribution: ${distribution}_values.`,
        },
      )
    } else if (scale !== 'linear' && min <= 0) {
      return this.fail(`min is ${min}, but a log scale needs a value above 0`, {
        key: 'min',
        hint: 'Use a small positive value such as 1e-6, or distribution: uniform.',
      })
    }
    if (!Number.isFinite(max - min)) return this.fail('the range is too wide for a 64-bit float', { key: 'max' })
    return { ...this.base, type: 'float', min, max, scale, ...quantum }
  }

  private bounds(distribution: Distribution): { min: SpelledNumber; max: SpelledNumber } | null {
    const [lower, upper] = [this.need('min', distribution), this.need('max', distribution)]
    if (lower === null || upper === null) return null
    const [min, max] = [this.number('min'), this.number('max')]
    if (min === null || max === null) return null
    if (min.value < max.value) return { min, max }
    const hint = min.value === max.value ? `For a constant write value: ${this.text('min')}.` : 'Swap them.'
    return this.fail(`min ${this.text('min')} is not below max ${this.text('max')}`, { key: 'min', hint })
  }

  private quantum(distribution: Distribution): { quantum?: Quantum } {
    if (!distribution.startsWith('q_')) return {}
    const q = this.map.entries.has('q') ? this.number('q') : { value: 1, float: false }
    if (q === null) return {}
    if (q.value <= 0)
      this.fail(`q is ${q.value}, but must be above 0`, { key: 'q', hint: 'Values are rounded to multiples of q.' })
    return { quantum: { q: q.value, integer: !q.float && Number.isInteger(q.value) } }
  }

  private aboveZero(key: string, missing: number): number {
    if (!this.map.entries.has(key)) return missing
    const value = this.number(key)?.value ?? missing
    if (value <= 0) this.fail(`${key} is ${value}, but must be above 0`, { key })
    return value
  }
}

function unusedHint(key: string, distribution: Distribution): string | undefined {
  const quantised = `q_${distribution}`
  if (key === 'q' && DISTRIBUTIONS.some((known) => known === quantised)) return `Use distribution: ${quantised}.`
  return `It uses ${USES[distribution].join(', ')}.`
}
