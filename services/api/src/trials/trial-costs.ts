import { type Cost, costOf } from '@sweep/analysis/costs/cost-of'
import type { SweepId } from '@sweep/spec/ids'
import type { Database } from '@sweep/store/database'
import { type TrialUsage, trialUsage } from '@sweep/store/usage'
import type { ApiSettings } from '../settings.ts'

/** What trials have cost by the server's prices, by number; nothing where it has none. */
export async function trialCosts(
  database: Database,
  { prices }: Pick<ApiSettings, 'prices'>,
  sweepId: SweepId,
  trials: readonly number[],
): Promise<ReadonlyMap<number, Cost>> {
  if (prices === undefined || trials.length === 0) return new Map()
  const byTrial = new Map<number, TrialUsage[]>()
  for (const usage of await trialUsage(database, sweepId, trials)) {
    byTrial.set(usage.trial, [...(byTrial.get(usage.trial) ?? []), usage])
  }
  return new Map([...byTrial].map(([trial, usages]) => [trial, costOf(prices, usages)]))
}
