import type { Check } from './check.ts'
import { printChecks } from './check.ts'

type Bench = (options: readonly string[]) => Promise<Check[]>

/** A benchmark by name, loaded when it is asked for. */
const BENCHES: Record<string, () => Promise<Bench>> = {
  overhead: async () => (await import('./overhead.ts')).overhead,
  gap: async () => (await import('./gap.ts')).gap,
  decision: async () => (await import('./decision.ts')).decision,
  ingest: async () => (await import('./ingest.ts')).ingest,
  leaderboard: async () => (await import('./leaderboard.ts')).leaderboard,
  report: async () => (await import('./report.ts')).report,
  cli: async () => (await import('./cli.ts')).cli,
  claims: async () => (await import('./claims.ts')).claims,
  agents: async () => (await import('./agents/agents.ts')).agents,
  search: async () => (await import('./search/search.ts')).search,
  calibration: async () => (await import('./search/calibration.ts')).calibration,
  'search-speed': async () => (await import('./search-speed/search-speed.ts')).searchSpeed,
  objectives: async () => (await import('./objectives/objectives.ts')).objectives,
  multifidelity: async () => (await import('./multifidelity/multifidelity.ts')).multifidelity,
  importance: async () => (await import('./importance/importance.ts')).importance,
  tracking: async () => (await import('./tracking/tracking.ts')).tracking,
}
/** Those that read what stands after the names. */
const WITH_OPTIONS = ['agents', 'search', 'search-speed', 'objectives', 'multifidelity', 'tracking']

const args = process.argv.slice(2)
const firstOption = args.findIndex((arg) => arg.startsWith('-'))
const names = firstOption < 0 ? args : args.slice(0, firstOption)
const options = firstOption < 0 ? [] : args.slice(firstOption)
const unknown = names.filter((name) => !(name in BENCHES))
const hasStrayOptions = options.length > 0 && names.some((name) => !WITH_OPTIONS.includes(name))
if (names.length === 0 || unknown.length > 0 || hasStrayOptions) {
  console.error(`usage: npm run bench -- NAME…   with NAME one of: ${Object.keys(BENCHES).join(', ')}`)
  console.error(`options are read by: ${WITH_OPTIONS.join(', ')}`)
  process.exit(2)
}
for (const name of names) {
  const run = await BENCHES[name]?.()
  const checks = (await run?.(options)) ?? []
  printChecks(name, checks)
  if (checks.some((check) => !check.ok)) process.exitCode = 1
}
process.exit()
