import type { Fact } from '@sweep/spec/facts'
import { encodeMetric } from '@sweep/spec/number'
import type { EventBody, EventKind } from '@sweep/spec/webhooks'
import type { RetentionDone } from '@sweep/store/retention/rounds'
import type { EventMaker, NewEvent, SweepNews } from '@sweep/store/webhooks/events'
import { modelEvent } from './model-event.ts'

type Data = EventBody['data']

/** What happened, in events for people and programs. */
export const eventMaker: EventMaker = {
  sweep(news) {
    const events = sweepEvents(news)
    const late = lateEvents(news)
    // The end of a sweep is the last that is told of it.
    const end = events.findIndex(({ body }) => body.kind === 'sweep.ended')
    return end === -1 ? [...events, ...late] : [...events.slice(0, end), ...late, ...events.slice(end)]
  },
  row({ kind, at, project, experiment, run, retention }) {
    if (retention !== null) return retentionEvent(at, project, retention)
    const what = run === null ? (experiment === null ? 'project' : 'experiment') : 'run'
    const name = run === null ? (experiment?.name ?? project) : (run.name ?? run.id)
    const how = kind.endsWith('.ended')
      ? run === null
        ? 'is completed'
        : `has ended: ${run.status}`
      : `was ${past(kind)}`
    return {
      body: {
        ...{ kind, at: at.toISOString(), project },
        ...{ experiment: experiment?.id ?? null, sweep: null, trial: null, run: run?.id ?? null },
        text: `${what} ${name} ${how}`,
        data: {
          ...(experiment === null ? {} : { experiment: experiment.name }),
          ...(run === null ? {} : { status: run.status }),
        },
      },
    }
  },
  finding({ at, project, experiment, sweep, trial, run, rule, metric, message, advice }) {
    const where = sweep === null ? `run ${run}` : `trial ${trial} of ${sweep.name}`
    return {
      body: {
        ...{ kind: 'run.unhealthy', at: at.toISOString(), project },
        ...{ experiment: sweep === null ? experiment : null, sweep, trial, run },
        text: `${where}: ${message}`,
        data: { rule, metric, message, advice },
      },
    }
  },
  threshold({ webhookId, threshold, value, at, project, experiment, sweep, trial, run }) {
    const { metric, above, below } = threshold
    const bound = above === undefined ? `below ${below}` : `above ${above}`
    const where = sweep === null ? `run ${run}` : `trial ${trial} of ${sweep.name}`
    return {
      webhookId,
      body: {
        ...{ kind: 'metric.threshold', at: at.toISOString(), project },
        ...{ experiment: sweep === null ? experiment : null, sweep, trial, run },
        text: `${where}: ${metric} is ${value}, ${bound}`,
        data: { metric, value: encodeMetric(value), above: above ?? null, below: below ?? null },
      },
    }
  },
  model: (news) => ({ body: modelEvent(news) }),
}

function retentionEvent(at: Date, project: string, done: RetentionDone): NewEvent {
  const parts = [
    ...(done.archivedRuns > 0 ? [`${done.archivedRuns} runs archived`] : []),
    ...(done.thinnedRuns > 0
      ? [`points of ${done.thinnedRuns} runs thinned out from ${done.pointsBefore} to ${done.pointsAfter}`]
      : []),
    ...(done.purgedRuns > 0 ? [`${done.purgedRuns} deleted runs removed for good with ${done.purgedFiles} files`] : []),
  ]
  return {
    body: {
      ...{
        kind: 'project.retention',
        at: at.toISOString(),
        project,
        experiment: null,
        sweep: null,
        trial: null,
        run: null,
      },
      text: `policy of project ${project}: ${parts.join(', ')}`,
      data: { ...done },
    },
  }
}

function past(kind: EventKind): string {
  return kind.endsWith('.created') ? 'created' : 'started'
}

function sweepEvents(news: SweepNews): NewEvent[] {
  const first = news.isStartTold ? -1 : news.facts.findIndex((fact) => fact.kind === 'attempt-started')
  return news.facts.flatMap((fact, index) => {
    const event = factEvent(fact, news)
    if (event === undefined) return []
    if (index !== first) return [event]
    const text = `sweep ${news.name} has started its first trial`
    return [eventOf(news, { kind: 'sweep.started', at: fact.at, trial: null, text, data: {} }), event]
  })
}

function factEvent(fact: Fact, news: SweepNews): NewEvent | undefined {
  const { name } = news
  const make = (kind: EventKind, text: string, trial: number | null = null, data: Data = {}) =>
    eventOf(news, { kind, at: fact.at, trial, text, data })
  switch (fact.kind) {
    case 'sweep-created':
      return make('sweep.created', `sweep ${name} was created`)
    case 'trial-created':
      return make('trial.created', `trial ${fact.trial} of ${name} was created`, fact.trial, { reason: fact.reason })
    case 'attempt-started': {
      const data = { attempt: fact.attempt, agent: fact.agent }
      return make('trial.started', `trial ${fact.trial} of ${name} has started`, fact.trial, data)
    }
    case 'trial-ended': {
      const value = fact.value === null ? null : encodeMetric(fact.value)
      const kind = fact.state === 'pruned' ? 'trial.pruned' : fact.state === 'failed' ? 'trial.failed' : 'trial.ended'
      const text = `trial ${fact.trial} of ${name} has ended: ${fact.state}${value === null ? '' : ` with ${value}`} (${fact.reason})`
      return make(kind, text, fact.trial, { state: fact.state, value, reason: fact.reason })
    }
    case 'sweep-ended':
      return make('sweep.ended', `sweep ${name} is ${fact.state}: ${fact.reason}`, null, {
        state: fact.state,
        reason: fact.reason,
      })
    default:
      return undefined
  }
}

function lateEvents(news: SweepNews): NewEvent[] {
  const { best, budgetUsed, metric, name, now } = news
  const events: NewEvent[] = []
  if (best !== null) {
    const value = encodeMetric(best.value)
    const text = `best ${metric ?? 'value'} of ${name} is ${value} now, of trial ${best.trial}`
    const data = { metric, value }
    events.push(eventOf(news, { kind: 'best.changed', at: now, trial: best.trial, text, data }))
  }
  if (budgetUsed !== null) {
    const percent = Math.floor(100 * budgetUsed)
    const text = `sweep ${name} has used ${percent} % of its budget`
    events.push(eventOf(news, { kind: 'sweep.budget', at: now, trial: null, text, data: { percent } }))
  }
  return events
}

interface About {
  readonly kind: EventKind
  readonly at: Date
  readonly trial: number | null
  readonly text: string
  readonly data: Data
}

function eventOf({ id, name, project }: SweepNews, { kind, at, trial, text, data }: About): NewEvent {
  return {
    body: {
      ...{ kind, at: at.toISOString(), project, experiment: null, sweep: { id, name } },
      ...{ trial, run: trial === null ? null : `${id}-${trial}`, text, data },
    },
  }
}
