import type { Median } from '@sweep/spec/document/sweep-document'
import { percentileRule } from '../percentile/percentile-pruner.ts'
import { reportPruner } from '../report-pruner.ts'

/** The median stopping rule: the percentile at 50, where the source stands. */
export const median = reportPruner(percentileRule<Median>('median', () => 50))
