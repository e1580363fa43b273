import type { EventBody } from '@sweep/spec/webhooks'
import type { ModelNews } from '@sweep/store/models/model-events'

/** What happened to a version of a model, for people and programs. */
export function modelEvent(news: ModelNews): EventBody {
  const { kind, at, model, version, from, to, reason, forced, by, run } = news
  const failed = news.gates.filter(({ passed }) => !passed).map(({ message }) => message)
  const why = reason === '' ? '' : ` (${reason})`
  return {
    ...{ kind, at: at.toISOString(), project: run?.project ?? null, run: run?.id ?? null, trial: run?.trial ?? null },
    sweep: run?.sweep ?? null,
    experiment: run === null || run.sweep !== null ? null : run.experiment,
    text: `version ${version} of model ${model} ${whatHappened(news, failed)}${why}`,
    data: { model, version, from, to, by, reason, forced: forced ? 'yes' : 'no', failed: failed.join('; ') },
  }
}

function whatHappened({ kind, to, forced, by }: ModelNews, failed: readonly string[]): string {
  switch (kind) {
    case 'model.registered':
      return `was registered by ${by}`
    case 'model.promoted':
      return `was promoted to ${to} by ${by}${forced ? `, though ${failed.join('; ')}` : ''}`
    case 'model.promotion_refused':
      return `was not promoted to ${to} for ${by}: ${failed.join('; ')}`
    default:
      return `is in production again, rolled back to by ${by}`
  }
}
