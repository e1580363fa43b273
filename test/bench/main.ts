import type { Check } from './check.ts'
import { printChecks } from './check.ts'

/** A benchmark by name, loaded when it is asked for. */
const BENCHES: Record<string, () => Promise<() => Promise<Check[]>>> = {
  overhead: async () => (await import('./overhead.ts')).overhead,
  gap: async () => (await import('./gap.ts')).gap,
  decision: async () => (await import('./decision.ts')).decision,
  ingest: async () => (await import('./ingest.ts')).ingest,
  leaderboard: async () => (await import('./leaderboard.ts')).leaderboard,
  cli: async () => (await import('./cli.ts')).cli,
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in BENCHES))
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: npm run bench -- NAME…   with NAME one of: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
for (const name of names) {
  const run = await BENCHES[name]?.()
  const checks = (await run?.()) ?? []
  printChecks(name, checks)
  if (checks.some((check) => !check.ok)) process.exitCode = 1
}
process.exit()
