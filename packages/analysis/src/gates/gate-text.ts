import { assertNever } from '@sweep/spec/assert-never'
import type { ModelGate } from '@sweep/spec/models/gates'

/** What a gate asks of a version, in a few words. */
export function gateText(gate: ModelGate): string {
  switch (gate.kind) {
    case 'metric':
      return `${metricText(gate)} ${boundsText(gate)}`
    case 'improvement':
      return `${metricText(gate)} ${improvementText(gate)}`
    case 'completed':
      return 'its run has completed'
    case 'tag':
      return gate.value === undefined
        ? `has a tag ${JSON.stringify(gate.key)}`
        : `has the tag ${JSON.stringify(gate.key)} with ${JSON.stringify(gate.value)}`
    case 'health':
      return gate.severity === 'error' ? 'its run has no findings of error' : 'its run has no findings'
    case 'recorded':
      return RECORDED[gate.what]
    case 'staged':
      return 'stands in staging'
    default:
      return assertNever(gate)
  }
}

const RECORDED = {
  signature: 'has a signature',
  framework: 'has a framework',
  commit: 'the commit of its code is known',
  'clean-commit': 'its code is that of a commit, without changes',
  'data-version': 'has a data version',
} as const

/** `min(val_loss)`, and the last value as the name alone. */
export function metricText({ metric, summary }: { readonly metric: string; readonly summary: string }): string {
  return summary === 'last' ? metric : `${summary}(${metric})`
}

export function boundsText({ min, max }: { readonly min?: number | undefined; readonly max?: number | undefined }) {
  if (min === undefined) return `<= ${max}`
  return max === undefined ? `>= ${min}` : `>= ${min} and <= ${max}`
}

function improvementText({ goal, by, relative }: Extract<ModelGate, { kind: 'improvement' }>): string {
  if (by === 0) return goal === 'minimize' ? 'is not above that in production' : 'is not below that in production'
  const amount = relative ? `${Number((by * 100).toPrecision(6))} %` : `${by}`
  return `is at least ${amount} ${goal === 'minimize' ? 'below' : 'above'} that in production`
}
