import type { FindingView } from '@sweep/spec/wire/health'
import type { StoredFinding } from '@sweep/store/health/findings'

export function findingView({ change: _, foundAt, clearedAt, ...finding }: StoredFinding): FindingView {
  return { ...finding, foundAt: foundAt.toISOString(), clearedAt: clearedAt?.toISOString() ?? null }
}
