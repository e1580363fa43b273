import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MetricSeries } from '@sweep/spec/wire/api'
import { afterEach, describe, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../support/redis.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { allFacts, allTrials, createSweep, finished, getSweep, getTrial, trialProcesses } from '../support/sweeps.ts'

/** Short leases, so that a loss is noticed within the test's patience; the ratio is that of the defaults. */
const HEARTBEAT_MS = 500
const LEASE_MS = 3000

const backends = ['postgres', 'redis'] as const

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function startWith(
  backend: (typeof backends)[number],
  { leaseMs = LEASE_MS, ...options }: { agent?: boolean; embedded?: boolean; leaseMs?: number } = {},
): Promise<TestServer> {
  const env: Record<string, string> = { SWEEP_HEARTBEAT_MS: String(HEARTBEAT_MS), SWEEP_LEASE_MS: String(leaseMs) }
  if (backend === 'redis') {
    const redis = await TestRedis.start()
    cleanups.push(() => redis.remove())
    env['REDIS_URL'] = redis.url
  }
  const server = await TestServer.start({ slots: 2, env, ...options })
  cleanups.push(() => server.remove())
  return server
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-truth-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function sweepOf20(log: string): string {
  return `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, steps.sh, "\${args}", --steps=30, --pause=0.03, --log=${log}]
budget: {trials: 20}
seed: 7
`
}

/** Compares what the server stored for every attempt with the file the program wrote, value by value. */
async function expectEveryReportOnce(server: TestServer, id: string, runFolders: string[]): Promise<void> {
  for (const row of await allTrials(server, id)) {
    const detail = await getTrial(server, id, row.number)
    for (const attempt of detail.attemptList) {
      const folder = runFolders.find((candidate) => candidate.endsWith(`/${attempt.id}`))
      if (!folder) continue
      const written = (await readFile(join(folder, 'metrics.jsonl'), 'utf8').catch(() => ''))
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as { step: number; val_loss: number })
      const query = `/sweeps/${id}/trials/${row.number}/metrics?name=val_loss&attempt=${attempt.number}`
      const stored = await server.call<{ series: MetricSeries[] }>('GET', query)
      const points = stored.series[0]?.steps.map((step, index) => [step, stored.series[0]?.values[index]]) ?? []
      const truth = written.map((line) => [line.step, line.val_loss])
      // A lost attempt may have written more than it got through; what was stored is a beginning of what was written.
      if (attempt.cause === 'succeeded') expect(points, `attempt ${attempt.id}`).toEqual(truth)
      else expect(points, `attempt ${attempt.id}`).toEqual(truth.slice(0, points.length))
    }
  }
}

async function runFolders(home: string): Promise<string[]> {
  const agents = await readdir(join(home, 'agents'))
  const folders = await Promise.all(
    agents.map(async (agent) =>
      (await readdir(join(home, 'agents', agent, 'runs')).catch(() => [])).map((run) =>
        join(home, 'agents', agent, 'runs', run),
      ),
    ),
  )
  return folders.flat()
}

describe.each(backends)('with tickets on %s', (backend) => {
  const it = test.skipIf(backend === 'redis' && !hasRedis())
  const note = backend === 'redis' && !hasRedis() ? ` (${WITHOUT_REDIS})` : ''

  it(`a server killed twice in the middle goes on where it was: nothing lost, nothing twice${note}`, async () => {
    // Longer than it is away, however slow the start: what ends after its lease is run again, and must be.
    const server = await startWith(backend, { embedded: true, leaseMs: 15_000 })
    const truth = join(await temporaryFolder(), 'truth')
    const id = await createSweep(server, sweepOf20(truth))
    for (const enough of [4, 12]) {
      await waitFor(async () => (await getSweep(server, id)).trials.completed >= enough)
      await server.kill()
      await server.start()
    }
    const sweep = await finished(server, id)
    expect(sweep.state).toBe('completed')
    expect(sweep.trials).toMatchObject({ completed: 20, failed: 0, running: 0, queued: 0 })

    const lines = (await readFile(truth, 'utf8')).trim().split('\n')
    const ends = lines.filter((line) => line.startsWith('end ')).map((line) => line.split(' ')[1])
    expect(new Set(ends).size).toBe(20)
    expect(ends.length, 'each config ran to its end once').toBe(20)
    await expectEveryReportOnce(server, id, await runFolders(server.home))
    expect(await trialProcesses(server.home)).toEqual([])
    const created = (await allFacts(server, id)).filter((fact) => fact.kind === 'trial-created')
    expect(new Set(created.map((fact) => JSON.stringify(fact.config))).size).toBe(20)
    await expectConsistent(server, [id])
  }, 120_000)

  it(`a killed agent leaves no process behind and its trials run again elsewhere in time${note}`, async () => {
    const server = await startWith(backend, { agent: false })
    const first = await TestAgent.start(server, { name: 'first', slots: 2 })
    cleanups.push(() => first.remove())
    // However long the second agent takes to start.
    const allRun = join(await temporaryFolder(), 'all-run')
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, steps.sh, "\${args}", --steps=20, --pause=0.1, --until=${allRun}]
budget: {trials: 4}
seed: 7
`,
    )
    await waitFor(async () => (await getSweep(server, id)).trials.running === 2)
    await waitFor(async () => (await trialProcesses(first.home)).length > 0)
    const second = await TestAgent.start(server, { name: 'second', slots: 2 })
    cleanups.push(() => second.remove())
    await waitFor(async () => (await getSweep(server, id)).trials.running === 4)
    await writeFile(allRun, '')

    await first.kill()
    await waitFor(async () => (await trialProcesses(first.home)).length === 0, LEASE_MS + 2 * HEARTBEAT_MS + 2000)
    const sweep = await finished(server, id)
    expect(sweep.trials).toMatchObject({ completed: 4, failed: 0 })

    const facts = await allFacts(server, id)
    const lost = facts.filter((fact) => fact.kind === 'attempt-ended' && fact.cause === 'lost')
    expect(lost).toHaveLength(2)
    for (const fact of lost) {
      if (fact.kind !== 'attempt-ended') continue
      const lastReport = facts
        .filter((other) => other.kind === 'report' && other.trial === fact.trial && other.attempt === fact.attempt)
        .at(-1)
      const noticed = fact.at.getTime() - (lastReport?.at.getTime() ?? 0)
      // Two heartbeats plus the lease, and what a busy machine adds to one look of the sweeper.
      expect(noticed).toBeLessThan(LEASE_MS + 2 * HEARTBEAT_MS + 3000)
      expect(
        facts.some((other) => other.kind === 'attempt-started' && other.trial === fact.trial && other.attempt === 2),
      ).toBe(true)
    }
    await expectEveryReportOnce(server, id, await runFolders(second.home))
    await expectConsistent(server, [id])
  }, 120_000)

  it(`an agent killed and started again within its lease goes on with the same attempts${note}`, async () => {
    const server = await startWith(backend, { agent: false, leaseMs: 15_000 })
    const agent = await TestAgent.start(server, { name: 'only', slots: 2 })
    cleanups.push(() => agent.remove())
    const truth = join(await temporaryFolder(), 'truth')
    const id = await createSweep(
      server,
      sweepOf20(truth).replace('trials: 20', 'trials: 4').replace('--pause=0.03', '--pause=0.1'),
    )
    // Both have reported: what the agent was told but had not begun would be lost with it.
    await waitFor(async () => {
      const trials = await Promise.all([1, 2].map((number) => getTrial(server, id, number).catch(() => undefined)))
      return trials.every((trial) => (trial?.reports ?? 0) >= 2)
    })
    await agent.kill()
    await agent.start()
    const sweep = await finished(server, id)
    expect(sweep.trials).toMatchObject({ completed: 4, failed: 0 })
    const facts = await allFacts(server, id)
    expect(facts.filter((fact) => fact.kind === 'attempt-started')).toHaveLength(4)
    await expectEveryReportOnce(server, id, await runFolders(agent.home))
  }, 120_000)
})

test('an agent killed over and over among short trials runs none of them to its end twice, and waits for no lease', async () => {
  const trials = 60
  const server = await TestServer.start({ agent: false, env: { SWEEP_LEASE_MS: '60000' } })
  cleanups.push(() => server.remove())
  const agent = await TestAgent.start(server, { name: 'only', slots: 2 })
  cleanups.push(() => agent.remove())
  const done = join(await temporaryFolder(), 'done')
  const id = await createSweep(
    server,
    `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, -c, 'echo $SWEEP_TRIAL >>${done}; echo val_loss=1']
budget: {trials: ${trials}}
seed: 7
`,
  )
  const completed = async () => (await getSweep(server, id)).trials.completed
  for (let kills = 0; kills < 4; kills += 1) {
    const before = await completed()
    await waitFor(async () => (await completed()) > Math.min(before + 3, trials - 1), 30_000)
    await agent.kill()
    await agent.start()
  }
  expect((await finished(server, id)).trials).toMatchObject({ completed: trials, failed: 0 })
  const ran = (await readFile(done, 'utf8')).trim().split('\n').map(Number)
  expect(ran.toSorted((a, b) => a - b)).toEqual(Array.from({ length: trials }, (_, index) => index + 1))
}, 120_000)
