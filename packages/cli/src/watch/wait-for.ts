import { isSweepOver, type SweepState } from '@sweep/spec/sweep-state'
import type { SweepDetail, SweepEventData, SweepView } from '@sweep/spec/wire/api'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { type Follower, followSweep } from './watch-sweep.ts'

/** What `wait --for` waits for. */
export type WaitCondition =
  | { readonly kind: 'done' }
  | { readonly kind: 'state'; readonly state: SweepState }
  | { readonly kind: 'best'; readonly than: 'below' | 'above'; readonly value: number; readonly orEqual: boolean }

export function parseCondition(text: string): WaitCondition {
  if (text === 'done') return { kind: 'done' }
  if (text === 'running' || text === 'paused') return { kind: 'state', state: text }
  const match = /^best\s*(<=|>=|<|>)\s*(\S+)$/.exec(text)
  const value = Number(match?.[2])
  if (match === null || !Number.isFinite(value)) {
    throw usageError(`--for "${text}" is nothing to wait for.`, 'Write done, running, paused, or such as "best<0.2".')
  }
  const operator = match[1] ?? '<'
  return { kind: 'best', than: operator.startsWith('<') ? 'below' : 'above', value, orEqual: operator.endsWith('=') }
}

export function isMet(condition: WaitCondition, sweep: SweepView): boolean {
  switch (condition.kind) {
    case 'done':
      return isSweepOver(sweep.state)
    case 'state':
      return sweep.state === condition.state
    case 'best': {
      if (sweep.best === null) return false
      const { value } = sweep.best
      if (condition.orEqual && value === condition.value) return true
      return condition.than === 'below' ? value < condition.value : value > condition.value
    }
  }
}

export type WaitOutcome = 'met' | 'ended' | 'timed-out'

/** Waits quietly until the condition holds, the sweep has ended without it, or the time is up. */
export async function waitFor(
  context: CliContext,
  sweepId: string,
  condition: WaitCondition,
  timeoutMs: number | undefined,
): Promise<{ outcome: WaitOutcome; sweep: SweepDetail }> {
  const interrupted = context.process.interrupted()
  const finished = new AbortController()
  const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.min(timeoutMs, 2_147_483_647))
  const first = await (await context.client()).getSweep(sweepId)
  let sweep: SweepView = first
  const follower: Follower = {
    lastSeq: 0,
    onEvent: (event: SweepEventData) => {
      if (event.type === 'sweep') sweep = event.sweep
      if (isMet(condition, sweep)) finished.abort()
    },
    onAway: () => undefined,
  }
  if (!isMet(condition, first) && !isSweepOver(first.state)) {
    const signals = [interrupted, finished.signal, ...(timeout === undefined ? [] : [timeout])]
    try {
      await followSweep(context, sweepId, AbortSignal.any(signals), follower)
    } catch (error) {
      if (interrupted.aborted) throw interrupted.reason
      if (!finished.signal.aborted && timeout?.aborted !== true) throw error
    }
  }
  const last = await (await context.client()).getSweep(sweepId)
  if (isMet(condition, last) || finished.signal.aborted) return { outcome: 'met', sweep: last }
  return { outcome: isSweepOver(last.state) ? 'ended' : 'timed-out', sweep: last }
}

/** The sweep once it has ended. */
export async function waitForEnd(context: CliContext, sweepId: string): Promise<SweepDetail> {
  return (await waitFor(context, sweepId, { kind: 'done' }, undefined)).sweep
}
