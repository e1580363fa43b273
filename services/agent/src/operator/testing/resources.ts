import type { Json } from '@sweep/spec/number'
import type { SweepView } from '@sweep/spec/wire/api'
import { API_VERSION, type Kind, Resource, sweepIdOf } from '../resource.ts'

export const UID = '8f1d3c1e-0000-4000-8000-000000000001'

export interface ResourceParts {
  readonly name?: string
  readonly generation?: number
  readonly status?: unknown
  readonly metadata?: object
}

/** A resource as an API server tells of it. */
export function resourceOf(kind: Kind, spec: { readonly [key: string]: Json }, parts: ResourceParts = {}): Resource {
  const { name = 'mine', generation = 1, status, metadata } = parts
  return Resource.parse({
    ...{ apiVersion: API_VERSION, kind, spec },
    metadata: { ...{ name, namespace: 'team-a', uid: UID, resourceVersion: '7', generation }, ...metadata },
    ...(status === undefined ? {} : { status }),
  })
}

export function viewOf(changes: Partial<SweepView> = {}): SweepView {
  return {
    ...{ id: sweepIdOf(UID), name: 'mine', project: 'default', state: 'running', reason: null, method: 'random' },
    metric: { name: 'loss', goal: 'minimize' },
    trials: { queued: 0, running: 0, paused: 0, completed: 0, pruned: 0, failed: 0, cancelled: 0 },
    ...{ best: null, parallelism: null, priority: 1, budget: {}, gpuSeconds: 0 },
    ...{ createdAt: '2026-01-02T03:04:05.678Z', endedAt: null },
    ...changes,
  }
}
