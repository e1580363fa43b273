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

/** Trials per second of programs that do nothing, beside the bare rate at which this machine starts them. */
export async function overhead(): Promise<Check[]> {
  const checks: Check[] = []
  const server = await TestServer.start({ slots: SLOTS })
  try {
    checks.push(
      figure('/bin/true: trials, the first of a new server', await trialRate(server, ['/bin/true'], WARM_UP), '1/s'),
    )
    for (const { name, argv, trials, goal } of [
      { name: '/bin/true', argv: ['/bin/true'], trials: 1500, goal: 0.2 },
      { name: 'python3 -c pass', argv: ['/usr/bin/python3', '-c', 'pass'], trials: 600, goal: 0.5 },
    ]) {
      // Before and after, because the speed of the machine drifts.
      const before = await bareRate(argv, trials / 2)
      const rate = await trialRate(server, argv, trials)
      const after = await bareRate(argv, trials / 2)
      const bare = (before + after) / 2
      checks.push(figure(`${name}: bare spawns`, bare, '1/s'))
      checks.push(figure(`${name}: trials`, rate, '1/s'))
      checks.push(atLeast(`${name}: trials / bare spawns`, rate / bare, 'ratio', goal))
    }
    checks.push(...(await flatness(server)))
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

async function trialRate(server: TestServer, argv: readonly string[], trials: number): Promise<number> {
  const id = await createSweep(server, noop(argv, trials))
  await ended(server, id)
  const times = await endTimes(server, id)
  return rate(times)
}

async function ended(server: TestServer, id: string): Promise<void> {
  while ((await getSweep(server, id)).state !== 'completed') await sleep(ASK_MS)
}

async function endTimes(server: TestServer, id: string): Promise<number[]> {
  const facts = await allFacts(server, id)
  return facts.filter((fact) => fact.kind === 'attempt-ended').map((fact) => fact.at.getTime())
}

function rate(times: readonly number[]): number {
  const first = times[0] ?? 0
  const last = times.at(-1) ?? 0
  return ((times.length - 1) * 1000) / (last - first)
}

/** The last 1,000 of 10,000 trials against the first 1,000. */
async function flatness(server: TestServer): Promise<Check[]> {
  const id = await createSweep(server, noop(['/bin/true'], 10_000))
  await ended(server, id)
  const times = await endTimes(server, id)
  const first = rate(times.slice(0, 1000))
  const last = rate(times.slice(-1000))
  return [
    figure('first 1,000 of 10,000 trials', first, '1/s'),
    figure('last 1,000 of 10,000 trials', last, '1/s'),
    atMost('slower at the end by', Math.max(0, 1 - last / first) * 100, '%', 15),
  ]
}
