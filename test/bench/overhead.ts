import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestServer } from '../support/server.ts'
import { allFacts, createSweep, getSweep } from '../support/sweeps.ts'
import { atLeast, atMost, type Check, figure } from './check.ts'

const SLOTS = 2
/** Seldom enough for the question itself to cost nothing; when trials ended, the facts say. */
const ASK_MS = 500
/** A server runs for days; the first trials of its life run code that is not compiled yet. Shown as a figure of its own. */
const WARM_UP = 1500
/** Bare spawns on either side. */
const BARE = 1000
/** Trials at either end that are compared. */
const PART = 1000

/** Trials per second of programs that do nothing, beside the bare rate at which this machine starts them. */
export async function overhead(): Promise<Check[]> {
  const checks: Check[] = []
  const server = await TestServer.start({ slots: SLOTS })
  try {
    checks.push(
      figure(
        '/bin/true: trials, the first of a new server',
        rate(await endTimes(server, ['/bin/true'], WARM_UP)),
        '1/s',
      ),
    )
    for (const { name, argv, trials, goal } of [
      { name: 'python3 -c pass', argv: ['/usr/bin/python3', '-c', 'pass'], trials: 3000, goal: 0.5 },
      { name: '/bin/true', argv: ['/bin/true'], trials: 10_000, goal: 0.2 },
    ]) {
      // Before and after, because the speed of the machine drifts.
      const before = await bareRate(argv, BARE)
      const times = await endTimes(server, argv, trials)
      const after = await bareRate(argv, BARE)
      const bare = (before + after) / 2
      const [first, last] = [rate(times.slice(0, PART)), rate(times.slice(-PART))]
      const of = `of ${trials.toLocaleString('en')} trials`
      checks.push(
        figure(`${name}: bare spawns`, bare, '1/s'),
        figure(`${name}: trials`, rate(times), '1/s'),
        figure(`${name}: the first 1,000 ${of}`, first, '1/s'),
        figure(`${name}: the last 1,000 ${of}`, last, '1/s'),
        atLeast(`${name}: trials / bare spawns`, rate(times) / bare, 'ratio', goal),
        figure(`${name}: the first 1,000 / bare spawns`, first / bare, 'ratio'),
        atMost(`${name}: slower at the end by`, Math.max(0, 1 - last / first) * 100, '%', 15),
      )
    }
  } finally {
    await server.remove()
  }
  return checks
}

/** Runs of a command per second, two at a time, started as Node starts them. */
async function bareRate(argv: readonly string[], runs: number): Promise<number> {
  let left = runs
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: SLOTS }, async () => {
      while (left > 0) {
        left -= 1
        await new Promise((resolve, reject) => {
          const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' })
          child.once('error', reject)
          child.once('exit', resolve)
        })
      }
    }),
  )
  return (runs * 1000) / (performance.now() - begin)
}

function noop(argv: readonly string[], trials: number): string {
  return `
method: random
parameters:
  x: {min: 0.0, max: 1.0}
command: ${JSON.stringify(argv)}
budget: {trials: ${trials}}
`
}

async function ended(server: TestServer, id: string): Promise<void> {
  while ((await getSweep(server, id)).state !== 'completed') await sleep(ASK_MS)
}

/** When each trial of a sweep of so many ended, in milliseconds. */
async function endTimes(server: TestServer, argv: readonly string[], trials: number): Promise<number[]> {
  const id = await createSweep(server, noop(argv, trials))
  await ended(server, id)
  const facts = await allFacts(server, id)
  return facts.filter((fact) => fact.kind === 'attempt-ended').map((fact) => fact.at.getTime())
}

function rate(times: readonly number[]): number {
  const first = times[0] ?? 0
  const last = times.at(-1) ?? 0
  return ((times.length - 1) * 1000) / (last - first)
}
