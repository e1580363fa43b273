import type { SearchRuns } from '@sweep/spec/wire/tracking/search'

/** What people ask, and what costs most: filters that few or no runs meet, and orders that no index gives. */
export const SEARCHES: Readonly<Record<string, SearchRuns>> = {
  'the newest': {},
  'a metric and a param': { filter: 'metrics.val_loss < 0.3 and params.optimizer = "adam"' },
  'a metric that few reach': { filter: 'metrics.val_loss < 0.0001', columns: 'metrics.*, params.*' },
  'a param that nobody has': { filter: 'params.optimizer = "none"' },
  'params of a rare config': { filter: 'params.seed = 77 and params.model.depth = 4' },
  'a tag by pattern': { filter: 'tags.owner like "%zz%"' },
  'a name that nobody has': { filter: 'name contains "zzz"' },
  'running ones': { filter: 'status = running', order: 'started' },
  'either of two metrics': { filter: 'metrics.val_loss < 0.001 or metrics.val_accuracy > 0.999' },
  'none of two': { filter: 'not (metrics.val_loss < 0.99 or params.optimizer = "adam")' },
  'without a metric': { filter: 'metrics.val_loss missing' },
  'the best': { order: 'metrics.val_loss', columns: 'metrics.val_loss, params.*' },
  'the best of none': { filter: 'params.optimizer = "none"', order: 'metrics.val_loss desc' },
  'by name': { order: 'name' },
  'by a param': { order: 'params.lr' },
  'the longest': { filter: 'metrics.val_loss < 0.5', order: 'duration desc' },
  'by three fields': {
    filter: 'metrics.val_loss < 0.5',
    order: 'params.optimizer, params.model.depth desc, min(metrics.val_loss)',
  },
  'ten alternatives': { filter: Array.from({ length: 10 }, (_, n) => `metrics.val_loss < 0.000${n}`).join(' or ') },
}
