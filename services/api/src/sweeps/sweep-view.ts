import type { Metric } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import type { FactView, Objective, SweepDetail, SweepView } from '@sweep/spec/wire/api'
import type { BestRecord } from '@sweep/store/best-config'
import type { SweepRecord } from '@sweep/store/sweep-record'
import type { SweepDefinition } from '@sweep/store/sweeps'

export function sweepView(sweep: SweepRecord): SweepView {
  const { best, metric, objectives, constraints } = sweep
  return {
    id: sweep.id,
    name: sweep.name,
    project: sweep.project,
    state: sweep.state,
    reason: sweep.reason ?? sweep.waiting,
    method: sweep.method,
    metric: metric === null ? null : objectiveView(metric),
    ...(objectives === null ? {} : { objectives: objectives.map(objectiveView) }),
    ...(constraints === null ? {} : { constraints: [...constraints] }),
    trials: sweep.trials,
    best: best === null ? null : bestView(best),
    parallelism: sweep.parallelism,
    priority: sweep.priority,
    budget: sweep.budget,
    gpuSeconds: sweep.gpuSeconds,
    createdAt: sweep.createdAt.toISOString(),
    endedAt: sweep.endedAt?.toISOString() ?? null,
  }
}

function bestView({ trial, value, config, runs }: BestRecord): SweepView['best'] {
  return { trial, value, config, ...(runs === null ? {} : { runs }) }
}

function objectiveView({ name, goal }: Metric): Objective {
  return { name, goal }
}

export function sweepDetail(sweep: SweepRecord, definition: SweepDefinition): SweepDetail {
  const { document, source, file, workdir, code } = definition
  return { ...sweepView(sweep), document, source, file, workdir, code }
}

export function factView({ seq, at, ...body }: Fact): FactView {
  return { seq, at: at.toISOString(), body }
}
