import type { SweepId } from '@sweep/spec/ids'
import type { Action, AgentView, OwnView, SweepView } from './view.ts'

/** Views for tests, with only what matters spelled out: `gpuSlots` of the `slots` have a GPU. */
export function agent({
  slots = 2,
  gpuSlots = 0,
  ...options
}: Partial<Omit<AgentView, 'slots'>> & {
  readonly slots?: number | AgentView['slots']
  readonly gpuSlots?: number
} = {}): AgentView {
  return {
    name: 'agent-1',
    queues: ['default'],
    launchers: ['process'],
    labels: {},
    cpus: 8,
    memoryBytes: 16 * 1024 ** 3,
    ...options,
    slots:
      typeof slots === 'number'
        ? Array.from({ length: slots }, (_, index) => (index < gpuSlots ? { index, gpu: { index } } : { index }))
        : slots,
  }
}

export function own(options: Partial<OwnView> = {}): OwnView {
  return {
    created: 0,
    maxTrials: undefined,
    spent: undefined,
    targetReached: undefined,
    tooManyFailed: undefined,
    exhausted: false,
    places: Number.POSITIVE_INFINITY,
    settled: true,
    queued: 0,
    paused: 0,
    resumable: 0,
    noMoreTrials: false,
    stoppable: [],
    cancellable: [],
    attemptSeconds: undefined,
    learns: true,
    endsPerSecond: 0,
    waiting: undefined,
    ...options,
  }
}

export function sweep(
  id: string,
  options: Partial<Omit<SweepView, 'id' | 'own'>> & { own?: Partial<OwnView> } = {},
): SweepView {
  const { own: mine, ...rest } = options
  return {
    id: id as SweepId,
    state: 'running',
    queue: 'default',
    shape: {},
    launcher: 'process',
    priority: 1,
    parallelism: undefined,
    outstanding: 0,
    sharePass: 0,
    claimsRoom: false,
    ...rest,
    own: own(mine),
  }
}

/** A sweep that another controller owns. */
export function foreign(id: string, options: Partial<Omit<SweepView, 'id' | 'own'>> = {}): SweepView {
  return { ...sweep(id, options), own: undefined }
}

/** By sweep, how many trials are to be made. */
export function created(actions: readonly Action[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const action of actions) {
    if (action.kind === 'create-trials') counts[action.sweepId] = (counts[action.sweepId] ?? 0) + action.count
  }
  return counts
}

/** By sweep, how many paused trials are to be resumed. */
export function resumed(actions: readonly Action[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const action of actions) if (action.kind === 'resume-trials') counts[action.sweepId] = action.count
  return counts
}

/** The reason for waiting that is to be stored; undefined where none is. */
export function waiting(actions: readonly Action[], id: string): string | null | undefined {
  for (const action of actions) if (action.kind === 'set-waiting' && action.sweepId === id) return action.reason
  return undefined
}
