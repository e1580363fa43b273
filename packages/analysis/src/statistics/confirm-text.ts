import type { Confirmation } from '@sweep/spec/wire/confirmation'
import type { ConfirmComparison, ConfirmedConfig, ConfirmOptions } from './confirm.ts'
import { nextRunInterval } from './mean-interval.ts'
import { seedsNeeded } from './power.ts'

interface Findings {
  /** The best mean first. */
  readonly configs: readonly ConfirmedConfig[]
  /** Trials that could be compared, the best mean first. */
  readonly order: readonly number[]
  readonly comparisons: readonly ConfirmComparison[]
  /** Pairs that differ significantly, the better one first. */
  readonly differing: readonly (readonly [better: number, worse: number])[]
}

const POWER = 0.8
/** What people might still run. */
const MOST_SEEDS = 1000

/** What became of the recorded winner, for programs and in words. */
export function confirmText(
  { configs, order, comparisons, differing }: Findings,
  { goal, metric }: ConfirmOptions,
): Pick<Confirmation, 'verdict' | 'text'> {
  const winner = configs.find(({ place }) => place === Math.min(...configs.map((one) => one.place)))
  if (winner === undefined) return { verdict: 'unclear', text: 'Nothing was run again.' }
  const { trial } = winner
  const others = order.filter((one) => one !== trial)
  const record = recordText(winner, goal)
  if (!order.includes(trial)) {
    return {
      verdict: 'unclear',
      text: `Of the recorded winner, trial ${trial}, too few runs came to a value.${record.text}`,
    }
  }
  const better = differing.flatMap(([good, bad]) => (bad === trial ? [good] : []))
  const beaten = differing.flatMap(([good, bad]) => (good === trial ? [bad] : []))
  const mean = (number: number) => meanText(configs.find((one) => one.trial === number)!)
  if (better.length > 0) {
    const best = order[0]!
    const pair = comparisons.find((one) => one.first === best && one.second === trial)
    const p = pair?.adjustedP == null ? '' : ` (Holm-adjusted p ${pText(pair.adjustedP)})`
    return {
      verdict: 'luck',
      text: `That trial ${trial} won was luck: with fresh seeds trial ${best} is better, ${mean(best)} against ${mean(trial)}${p}.${record.text}`,
    }
  }
  if (others.length === 0) {
    const verdict = record.isLuck ? 'luck' : 'unclear'
    return {
      verdict,
      text: `Trial ${trial} has nothing to be compared with; its mean ${metric} is ${mean(trial)}.${record.text}`,
    }
  }
  if (beaten.length === others.length) {
    const than = others.length === 1 ? `trial ${others[0]}` : `the ${others.length} others`
    return {
      verdict: 'confirmed',
      text: `Trial ${trial} is confirmed: with fresh seeds its mean ${metric} of ${mean(trial)} is better than that of ${than}.${record.text}`,
    }
  }
  const like = others.filter((one) => !beaten.includes(one))
  const peers = `trial${like.length === 1 ? '' : 's'} ${listText(like)}`
  const advice = seedsText(trial, like, comparisons)
  if (record.isLuck) {
    return {
      verdict: 'luck',
      text: `That trial ${trial} won was luck: it can't be told apart from ${peers}.${record.text}${advice}`,
    }
  }
  return {
    verdict: 'tied',
    text: `Trial ${trial}, mean ${metric} ${mean(trial)}, can't be told apart from ${peers}: any of them may be the best.${record.text}${advice}`,
  }
}

/** Whether the value that put it first lies beyond what its own new runs say of one run more. */
function recordText(
  { recorded, values }: ConfirmedConfig,
  goal: ConfirmOptions['goal'],
): { isLuck: boolean; text: string } {
  const next = nextRunInterval(values)
  if (recorded === null || next === null) return { isLuck: false, text: '' }
  const isLuck = goal === 'maximize' ? recorded > next.high : recorded < next.low
  const between = `a run lies between ${numberText(next.low)} and ${numberText(next.high)} in 95 of 100 cases`
  return {
    isLuck,
    text: isLuck ? ` Its recorded ${numberText(recorded)} was a lucky run: by the new ones ${between}.` : '',
  }
}

/** How many seeds it takes to tell it from the one it is most like to be told from. */
function seedsText(trial: number, like: readonly number[], comparisons: readonly ConfirmComparison[]): string {
  const effects = comparisons
    .filter(
      ({ first, second }) => (first === trial && like.includes(second)) || (second === trial && like.includes(first)),
    )
    .flatMap(({ cohensD }) => (cohensD === null || cohensD === 0 ? [] : [Math.abs(cohensD)]))
  if (effects.length === 0) return ''
  const needed = seedsNeeded(Math.max(...effects), POWER)
  return needed === null || needed > MOST_SEEDS
    ? ' Their means are so close that no reasonable number of seeds would tell.'
    : ` If the differences are as large as they look, about ${needed} seeds each would tell the first of them apart.`
}

function meanText({ mean, low, high }: ConfirmedConfig): string {
  return low === null ? numberText(mean) : `${numberText(mean)} (${numberText(low)} to ${numberText(high)})`
}

function numberText(value: number | null): string {
  if (value === null) return '-'
  return String(Number(value.toPrecision(4)))
}

function pText(p: number): string {
  return p < 0.001 ? 'below 0.001' : String(Number(p.toPrecision(2)))
}

function listText(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted.length < 2 ? sorted.join('') : `${sorted.slice(0, -1).join(', ')} and ${sorted.at(-1)}`
}
