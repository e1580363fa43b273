import type { HealthRule } from '@sweep/spec/health'
import type { Database } from '@sweep/store/database'
import { openFindings } from '@sweep/store/health/findings'

/** By run, the rules that say that something is wrong with it now. */
export async function openRules(
  database: Database,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, readonly HealthRule[]>> {
  const rules = new Map<string, Set<HealthRule>>()
  for (const { runId, rule } of await openFindings(database, runIds)) {
    rules.set(runId, (rules.get(runId) ?? new Set<HealthRule>()).add(rule))
  }
  return new Map([...rules].map(([runId, found]) => [runId, [...found]]))
}
