import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MetricSeries } from '@sweep/spec/wire/api'
import { afterEach, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { hasNetworkNamespaces, NetworkNamespace, WITHOUT_NAMESPACES } from '../support/network-namespace.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { allFacts, createSweep, finished, getSweep, getTrial, trialProcesses } from '../support/sweeps.ts'

const LEASE_MS = 6000

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const can = hasNetworkNamespaces()
test.skipIf(!can)(
  `an agent cut off for longer than its lease ends its program before the trial starts elsewhere, and is refused when it comes back${can ? '' : ` (${WITHOUT_NAMESPACES})`}`,
  async () => {
    const networks = [0, 1, 2].map((index) => NetworkNamespace.make(index))
    for (const network of networks) cleanups.push(() => network.remove())
    const truth = await mkdtemp(join(tmpdir(), 'sweep-truth-'))
    cleanups.push(() => rm(truth, { recursive: true, force: true }))
    // Listens on all addresses, those towards the three networks included.
    const env = { SWEEP_HOST: '0.0.0.0', SWEEP_HEARTBEAT_MS: '500', SWEEP_LEASE_MS: String(LEASE_MS) }
    const server = await TestServer.start({ agent: false, env })
    cleanups.push(() => server.remove())
    const agents: TestAgent[] = []
    for (const [index, { gateway, prefix }] of networks.entries()) {
      const url = `http://${gateway}:${new URL(server.url).port}`
      const agent = await TestAgent.start(server, { name: `host-${index}`, slots: 1, prefix, env: { SWEEP_URL: url } })
      cleanups.push(() => agent.remove())
      agents.push(agent)
    }
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, steps.sh, "\${args}", --steps=80, --pause=0.1, --log=${join(truth, 'log')}]
budget: {trials: 9}
`,
    )
    await waitFor(async () => (await getSweep(server, id)).trials.running === 3)
    const [cutNetwork] = networks
    const [cutAgent] = agents
    if (cutNetwork === undefined || cutAgent === undefined) throw new Error('there are three')
    await waitFor(async () => (await trialProcesses(cutAgent.home)).length > 0)
    cutNetwork.setConnected(false)
    await waitFor(async () => (await trialProcesses(cutAgent.home)).length === 0)
    const goneAt = Date.now()

    const victim = (await allFacts(server, id)).find(
      (fact) => fact.kind === 'attempt-started' && fact.agent === 'host-0',
    )
    const number = victim?.kind === 'attempt-started' ? victim.trial : 0
    await waitFor(async () => (await getTrial(server, id, number)).attemptList.length === 2)
    const again = (await allFacts(server, id)).find(
      (fact) => fact.kind === 'attempt-started' && fact.trial === number && fact.attempt === 2,
    )
    if (again !== undefined) expect(again.at.getTime()).toBeGreaterThan(goneAt)
    cutNetwork.setConnected(true)
    const sweep = await finished(server, id, 120_000)
    expect(sweep.trials).toMatchObject({ completed: 9, failed: 0 })

    const { attemptList } = await getTrial(server, id, number)
    expect(attemptList.map((attempt) => attempt.cause)).toEqual(['lost', 'succeeded'])
    const lines = (await readFile(join(truth, 'log'), 'utf8')).trim().split('\n')
    const ends = lines.filter((line) => line.startsWith('end ')).map((line) => line.split(' ')[1])
    expect(ends.sort()).toEqual(Array.from({ length: 9 }, (_, index) => String(index + 1)).sort())
    // It is back and works, and what it wrote while it was away was not taken.
    await waitFor(async () => {
      const { agents: list } = await server.call<{ agents: { name: string; state: string }[] }>('GET', '/agents')
      return list.some((agent) => agent.name === 'host-0' && agent.state === 'ready')
    })
    const first = attemptList[0]?.id ?? ''
    const written = (
      await readFile(join(cutAgent.home, 'agents', 'host-0', 'runs', first, 'metrics.jsonl'), 'utf8')
    ).split('\n').length
    const { series } = await server.call<{ series: MetricSeries[] }>(
      'GET',
      `/sweeps/${id}/trials/${number}/metrics?name=val_loss&attempt=1`,
    )
    expect(series[0]?.steps.length ?? 0).toBeLessThan(written - 5)
    await expectConsistent(server, [id])
  },
  240_000,
)
