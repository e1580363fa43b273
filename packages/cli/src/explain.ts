import { assertNever } from '@sweep/spec/assert-never'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { isSweepOver } from '@sweep/spec/sweep-state'
import { formatDuration } from '@sweep/spec/units'
import type { AgentView, SweepView, TrialDetail } from '@sweep/spec/wire/api'
import { configText, countsText, shortNumber, valuesText } from './present.ts'

export interface DatedFact {
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly body: FactBody
}

/** One line of an explanation; without a fact it is about now. */
export interface Explanation {
  readonly seq?: number
  readonly at?: number
  readonly text: string
}

/** Why a sweep is where it is: its controls and waits in order, then what holds it now. */
export function explainSweep(
  sweep: SweepView,
  facts: readonly DatedFact[],
  agents: readonly AgentView[],
): Explanation[] {
  const lines = facts.flatMap(({ seq, at, body }): Explanation[] => {
    const text = sweepFactText(body)
    return text === undefined ? [] : [{ seq, at, text }]
  })
  lines.push({ text: `now ${sweep.state}; trials: ${countsText(sweep.trials)}` })
  if (isSweepOver(sweep.state)) return lines
  if (sweep.reason !== null) lines.push({ text: `waiting: ${sweep.reason}` })
  const ready = agents.filter((agent) => agent.state === 'ready')
  const free = ready.reduce((sum, agent) => sum + agent.slots - agent.busy, 0)
  lines.push({
    text:
      ready.length === 0
        ? 'no agent is ready: `sweep agent start` runs trials on this machine, `sweep agent ls` lists agents'
        : `${ready.length} ${ready.length === 1 ? 'agent is' : 'agents are'} ready, with ${free} free slots`,
  })
  for (const agent of agents) {
    if (agent.state !== 'ready' && agent.reason !== undefined) {
      lines.push({ text: `agent ${agent.name} is ${agent.state}: ${agent.reason}` })
    }
  }
  return lines
}

/** The life of one trial, each step with its reason. */
export function explainTrial(number: number, facts: readonly DatedFact[]): Explanation[] {
  let reports = 0
  let last: string | undefined
  const lines = facts.flatMap(({ seq, at, body }): Explanation[] => {
    if (body.kind === 'report') {
      reports += 1
      last = `${shortNumber(Number(body.value))} at step ${body.step}`
      return []
    }
    const text = trialFactText(number, body)
    if (text === undefined) return []
    // Reports are told together, before what came of them.
    const told: Explanation[] = reports === 0 ? [] : [{ text: `${reports} values reported, the last ${last}` }]
    reports = 0
    return [...told, { seq, at, text }]
  })
  if (reports > 0) lines.push({ text: `${reports} values reported so far, the last ${last}` })
  return lines
}

/** What the program of a running trial waits for, such as its image. */
export function explainWait({ attemptList }: TrialDetail): Explanation[] {
  const last = attemptList.at(-1)
  return last?.state === 'running' && last.message !== null ? [{ text: `now ${last.message}` }] : []
}

function sweepFactText(body: FactBody): string | undefined {
  switch (body.kind) {
    case 'sweep-created':
      return `created, with seed ${body.seed}`
    case 'control':
      return `${body.action}${body.changes === undefined ? '' : ` ${JSON.stringify(body.changes)}`} asked by ${body.by}`
    case 'waiting':
      return `waiting: ${body.reason}`
    case 'no-more-trials':
      return `no more trials: ${body.reason}`
    case 'agent-drained': {
      const { agent, reason, trials } = body
      return `agent ${agent} was drained: ${reason}; not held against ${trials.length === 1 ? 'trial' : 'trials'} ${trials.join(', ')}`
    }
    case 'sweep-ended':
      return `${body.state}: ${body.reason}`
    default:
      return undefined
  }
}

function trialFactText(number: number, body: FactBody): string | undefined {
  switch (body.kind) {
    case 'trial-created': {
      const by = body.source === 'user' ? 'enqueued by a person' : 'suggested by the sampler'
      const where = body.parent && `; ${handOverText(body.parent)}`
      return `trial ${number} ${by}: ${body.reason}; ${configText(body.config)}${where ?? ''} (knowing facts up to ${body.basis})`
    }
    case 'attempt-queued':
      return `attempt ${body.attempt} queued: ${body.reason}`
    case 'attempt-started':
      return `attempt ${body.attempt} started on agent ${body.agent}${body.gpus > 0 ? ` with ${body.gpus} GPUs` : ''}`
    case 'stop-asked':
      return `asked to stop (${body.stop}) by ${body.by}: ${verdictText(body.verdict)}`
    case 'attempt-ended':
      return `attempt ${body.attempt} ended after ${formatDuration(body.seconds * 1000)} (${body.cause}): ${body.message}`
    case 'trial-ended': {
      const shown = body.values === undefined ? shortNumber(body.value) : valuesText(body.values)
      const value = body.value === null && body.values === undefined ? '' : ` with ${shown}`
      return `${body.state}${value}: ${body.reason}`
    }
    case 'trial-requeued':
      return `asked for once more by ${body.by}`
    case 'trial-resumed':
      return `resumed by ${body.by}: ${verdictText(body.verdict)}`
    case 'report':
    case 'side-report':
    case 'sweep-created':
    case 'control':
    case 'waiting':
    case 'no-more-trials':
    case 'agent-drained':
    case 'sweep-ended':
      return undefined
    default:
      return assertNever(body)
  }
}

function handOverText({ trial, step }: NonNullable<FactOf<'trial-created'>['parent']>): string {
  return step === undefined
    ? `it starts from nothing, as trial ${trial} had saved no checkpoint to go on from`
    : `it goes on from the checkpoint of step ${step} of trial ${trial}`
}

/** `value 0.41, threshold 0.35, rank 7 of 9, rung 2 at 9`, after the reason in words. */
export function verdictText(verdict: Verdict): string {
  const parts: string[] = []
  if (verdict.value !== undefined) parts.push(`value ${shortNumber(verdict.value)}`)
  if (verdict.threshold !== undefined) parts.push(`threshold ${shortNumber(verdict.threshold)}`)
  if (verdict.rank !== undefined) {
    parts.push(`rank ${verdict.rank}${verdict.peers === undefined ? '' : ` of ${verdict.peers}`}`)
  } else if (verdict.peers !== undefined) parts.push(`${verdict.peers} peers`)
  if (verdict.rung !== undefined) parts.push(`rung ${verdict.rung}`)
  if (verdict.bracket !== undefined) parts.push(`bracket ${verdict.bracket}`)
  if (verdict.resource !== undefined) parts.push(`at ${verdict.resource}`)
  return parts.length === 0 ? verdict.reason : `${verdict.reason} (${parts.join(', ')})`
}
