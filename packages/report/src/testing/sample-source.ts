import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepId, trialId } from '@sweep/spec/ids'
import type { Config } from '@sweep/spec/search-space'
import type { LeaderboardRow, SweepDetail } from '@sweep/spec/wire/api'
import type { ReportSource } from '../report-source.ts'

const ID = SweepId.parse('k3v9x0abcd')
const START = Date.parse('2026-11-27T02:00:00Z')
const at = (seconds: number) => new Date(START + 1000 * seconds).toISOString()

export interface SampleTrial {
  readonly config: Config
  readonly value: number | null
  readonly state?: 'completed' | 'pruned' | 'failed'
}

export interface SampleOptions {
  readonly name?: string
  readonly parameters: readonly Record<string, unknown>[]
  readonly trials: readonly SampleTrial[]
  readonly document?: Record<string, unknown>
  readonly source?: string
}

/** A sweep that has ended, of trials of ten seconds, two at a time. */
export function sampleSource({
  name = 'sample',
  parameters,
  trials,
  document = {},
  source = 'method: random\n',
}: SampleOptions): ReportSource {
  const full = SweepDocument.parse({
    method: 'random',
    metric: { name: 'loss', goal: 'minimize' },
    space: { parameters: parameters.map((one) => ({ path: [one['name']], ...one })) },
    command: ['python3', 'train.py', '${args}'],
    seed: 7,
    ...document,
  })
  const timed = trials.map(({ config, value, state = 'completed' }, index) => {
    const startedMs = START + 10_000 * Math.floor(index / 2)
    return {
      ...{ number: index + 1, config, value, state, resource: state === 'pruned' ? 3 : 9 },
      ...{ startedMs, endedMs: startedMs + 10_000 },
    }
  })
  const ranked = timed
    .filter(({ value }) => value !== null && Number.isFinite(value))
    .toSorted((a, b) => (full.metric?.goal === 'maximize' ? b.value! - a.value! : a.value! - b.value!))
  const [first] = ranked
  const count = (state: string) => timed.filter((trial) => trial.state === state).length
  const sweep: SweepDetail = {
    ...{ id: ID, name, project: 'default', state: 'completed', reason: 'its budget is used up', method: full.method },
    metric: full.metric === undefined ? null : { name: full.metric.name, goal: full.metric.goal },
    trials: {
      ...{ queued: 0, running: 0, paused: 0, cancelled: 0 },
      ...{ completed: count('completed'), pruned: count('pruned'), failed: count('failed') },
    },
    best: first === undefined ? null : { trial: first.number, value: first.value!, config: first.config },
    ...{ parallelism: null, priority: 1, budget: full.budget, gpuSeconds: 0 },
    ...{ createdAt: at(0), endedAt: at(10 * Math.ceil(trials.length / 2)) },
    ...{ document: full, source, workdir: '/data/my sweep', code: { kind: 'folder' } },
  }
  return {
    sweep,
    leaderboard: ranked.slice(0, 20).map(
      ({ number, config, value, state }, index): LeaderboardRow => ({
        ...{ id: trialId(ID, number), number, state, config, source: 'sampler', value, rank: index + 1 },
        ...{ lastValue: value, lastStep: 9, reports: 9, attempts: 1, reason: null, cause: null, agent: 'host' },
        ...{ createdAt: at(0), startedAt: at(0), endedAt: at(10) },
      }),
    ),
    ...{ configs: undefined, front: undefined },
    trials: timed,
    curves: ranked.slice(0, 8).map(({ number, value }, index) => ({
      ...{ trial: number, group: index < 5 ? 'best' : 'others', steps: [1, 2, 3] },
      values: [value! + 2, value! + 1, value!],
    })),
    cost: undefined,
    spending: (['completed', 'pruned', 'failed'] as const).flatMap((state) => {
      const own = timed.filter((trial) => trial.state === state)
      const cause = state === 'completed' ? 'succeeded' : state === 'pruned' ? 'pruned' : 'user-error'
      if (own.length === 0) return []
      const numbers = own.slice(0, 20).map(({ number }) => number)
      return [
        { state, cause, attempts: own.length, seconds: 10 * own.length, gpuSeconds: 0, trials: numbers, message: '' },
      ]
    }),
    bestRun: first === undefined ? undefined : { trial: first.number, seed: 12345, environment: { hostname: 'gpu-1' } },
    confirmations: [],
    nowMs: START + 3_600_000,
    version: '1.2.3',
  }
}

/** A fixed sequence that looks drawn at random, from 0 to 1. */
export function spread(index: number): number {
  return (index * 0.618_033_988_749_895) % 1
}
