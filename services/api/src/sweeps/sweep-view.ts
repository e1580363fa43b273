import type { Fact } from '@sweep/spec/facts'
import type { FactView, SweepDetail, SweepView } from '@sweep/spec/wire/api'
import type { SweepRecord } from '@sweep/store/sweep-record'
import type { SweepDefinition } from '@sweep/store/sweeps'

export function sweepView(sweep: SweepRecord): SweepView {
  const { best, metric } = sweep
  return {
    id: sweep.id,
    name: sweep.name,
    project: sweep.project,
    state: sweep.state,
    reason: sweep.reason ?? sweep.waiting,
    method: sweep.method,
    metric: metric === null ? null : { name: metric.name, goal: metric.goal },
    trials: sweep.trials,
    best: best === null ? null : { trial: best.trial, value: best.value, config: best.config },
    parallelism: sweep.parallelism,
    priority: sweep.priority,
    budget: sweep.budget,
    gpuSeconds: sweep.gpuSeconds,
    createdAt: sweep.createdAt.toISOString(),
    endedAt: sweep.endedAt?.toISOString() ?? null,
  }
}

export function sweepDetail(sweep: SweepRecord, definition: SweepDefinition): SweepDetail {
  const { document, source, workdir } = definition
  return { ...sweepView(sweep), document, source, workdir }
}

export function factView({ seq, at, ...body }: Fact): FactView {
  return { seq, at: at.toISOString(), body }
}
