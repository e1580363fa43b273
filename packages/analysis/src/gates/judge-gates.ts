import { assertNever } from '@sweep/spec/assert-never'
import type { GateFacts, GateResult, JudgeGates, ModelGate, SummedMetric } from '@sweep/spec/models/gates'
import { encodeMetric } from '@sweep/spec/number'
import { boundsText, gateText, metricText } from './gate-text.ts'

/** What each gate finds of a version, passed or not, with what it has and what it needs. */
export const judgeGates: JudgeGates = (gates, facts) => gates.map((gate) => ({ gate, ...judge(gate, facts) }))

type Finding = Omit<GateResult, 'gate'>

function judge(gate: ModelGate, facts: GateFacts): Finding {
  switch (gate.kind) {
    case 'metric':
      return judgeMetric(gate, facts)
    case 'improvement':
      return judgeImprovement(gate, facts)
    case 'completed': {
      const status = facts.runStatus
      const is = status === null ? 'no run has made it' : `its run is ${status}`
      return finding(status === 'completed', status, 'completed', is)
    }
    case 'tag': {
      const value = Object.hasOwn(facts.tags, gate.key) ? (facts.tags[gate.key] ?? null) : null
      const passed = value !== null && (gate.value === undefined || gate.value === value)
      const is =
        value === null ? `it has no tag ${JSON.stringify(gate.key)}` : `${gate.key} is ${JSON.stringify(value)}`
      return finding(
        passed,
        value,
        gate.value ?? null,
        passed ? is : `${is}, and the gate asks that it ${gateText(gate)}`,
      )
    }
    case 'health':
      return judgeHealth(gate, facts)
    case 'recorded': {
      const value = recorded(gate.what, facts)
      const passed = value !== null && value !== ''
      return finding(passed, value, null, passed ? gateText(gate) : NOT_RECORDED[gate.what])
    }
    case 'staged':
      return finding(facts.stage === 'staging', facts.stage, 'staging', `it stands in ${facts.stage}`)
    default:
      return assertNever(gate)
  }
}

function judgeMetric(gate: Extract<ModelGate, { kind: 'metric' }>, { metrics }: GateFacts): Finding {
  const { min, max } = gate
  const value = metricValue(metrics, gate)
  const threshold = boundsText(gate)
  if (value === null)
    return finding(false, null, threshold, `it has no ${metricText(gate)}, which must be ${threshold}`)
  // NaN is within no bounds.
  const passed = (min === undefined || value >= min) && (max === undefined || value <= max)
  const is = `${metricText(gate)} is ${value}`
  return finding(passed, encodeMetric(value), threshold, passed ? is : `${is}, and must be ${threshold}`)
}

function judgeImprovement(gate: Extract<ModelGate, { kind: 'improvement' }>, facts: GateFacts): Finding {
  const name = metricText(gate)
  const value = metricValue(facts.metrics, gate)
  const shown = value === null ? null : encodeMetric(value)
  const { production } = facts
  if (production === null) {
    const passed = value !== null && !Number.isNaN(value)
    const why = passed ? 'no version is in production to be better than' : `it has no ${name}`
    return finding(passed, shown, null, why)
  }
  const than = metricValue(production.metrics, gate)
  const there = `version ${production.version} in production`
  if (than === null || !Number.isFinite(than)) {
    return finding(false, shown, null, `${there} has no ${name} to compare with`)
  }
  const amount = gate.relative ? gate.by * Math.abs(than) : gate.by
  const threshold = gate.goal === 'minimize' ? than - amount : than + amount
  if (value === null) return finding(false, null, threshold, `it has no ${name}, and ${there} has ${than}`)
  const passed = gate.goal === 'minimize' ? value <= threshold : value >= threshold
  const side = gate.goal === 'minimize' ? 'at most' : 'at least'
  const needs = passed ? '' : `, and must be ${side} ${threshold}`
  return finding(passed, shown, threshold, `${name} is ${value}${needs}, where ${there} has ${than}`)
}

function judgeHealth({ severity }: Extract<ModelGate, { kind: 'health' }>, { findings }: GateFacts): Finding {
  const wrong = findings.filter((one) => severity === 'warning' || one.severity === 'error')
  const [first] = wrong
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : ''
  const message =
    first === undefined ? 'nothing of that kind is found in its run' : `${first.rule}: ${first.message}${more}`
  return finding(wrong.length === 0, wrong.length, 0, message)
}

const NOT_RECORDED = {
  signature: 'it has no signature',
  framework: 'its framework is not known',
  commit: 'the commit of its code is not known',
  'clean-commit': 'its code is not known to be that of a commit without changes',
  'data-version': 'its data version is not known',
} as const

function recorded(what: Extract<ModelGate, { kind: 'recorded' }>['what'], facts: GateFacts): string | null {
  switch (what) {
    case 'signature':
      return facts.hasSignature ? 'yes' : null
    case 'framework':
      return facts.framework
    case 'commit':
      return facts.commit
    case 'clean-commit':
      return facts.dirty === false ? facts.commit : null
    case 'data-version':
      return facts.dataVersion
    default:
      return assertNever(what)
  }
}

function metricValue(
  metrics: Readonly<Record<string, SummedMetric>>,
  { metric, summary }: { readonly metric: string; readonly summary: keyof SummedMetric },
): number | null {
  return Object.hasOwn(metrics, metric) ? (metrics[metric]?.[summary] ?? null) : null
}

function finding(
  passed: boolean,
  value: number | string | null,
  threshold: number | string | null,
  message: string,
): Finding {
  return { passed, value, threshold, message }
}
