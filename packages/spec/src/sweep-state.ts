/**
 * `running` admits trials; `paused` admits none and lets the running ones finish; `stopping` never admits again and
 * ends when the running ones have finished; `cancelling` ends when the running ones have been killed.
 */
export const SWEEP_STATES = [
  'running',
  'paused',
  'stopping',
  'cancelling',
  'completed',
  'stopped',
  'cancelled',
] as const
export type SweepState = (typeof SWEEP_STATES)[number]

export const SWEEP_EVENTS = ['pause', 'resume', 'stop', 'cancel', 'end'] as const
export type SweepEvent = (typeof SWEEP_EVENTS)[number]

export const SWEEP_TRANSITIONS = {
  running: { pause: 'paused', stop: 'stopping', cancel: 'cancelling', end: 'completed' },
  paused: { resume: 'running', stop: 'stopping', cancel: 'cancelling' },
  stopping: { cancel: 'cancelling', end: 'stopped' },
  cancelling: { end: 'cancelled' },
  completed: {},
  stopped: {},
  cancelled: {},
} as const satisfies Record<SweepState, Partial<Record<SweepEvent, SweepState>>>

export function sweepStatesAllowing(event: SweepEvent): SweepState[] {
  return SWEEP_STATES.filter((state) => event in SWEEP_TRANSITIONS[state])
}

export function nextSweepState(state: SweepState, event: SweepEvent): SweepState | undefined {
  return (SWEEP_TRANSITIONS[state] as Partial<Record<SweepEvent, SweepState>>)[event]
}

export function isSweepOver(state: SweepState): boolean {
  return state === 'completed' || state === 'stopped' || state === 'cancelled'
}
