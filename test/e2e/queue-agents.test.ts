import { describe, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../support/redis.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { allTrials, createSweep, finished, getSweep, getTrial } from '../support/sweeps.ts'

const SHORT = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, steps.sh, "\${args}", --steps=4, --pause=0.05]
budget: {trials: 30}
resources: {cpus: 0.5}
`

describe.skipIf(!hasRedis())(`agents on the queue${hasRedis() ? '' : ` (${WITHOUT_REDIS})`}`, () => {
  test('an agent on the queue and one over HTTP share a sweep while Redis is killed, every attempt run once', async () => {
    const redis = await TestRedis.start()
    // Each agent gets a user of its own, which Redis forgets when it is killed.
    const env = { REDIS_URL: redis.url, SWEEP_AGENT_REDIS_URL: redis.url }
    const server = await TestServer.start({ agent: false, env })
    const ways = { 'by-queue': 'auto', 'by-http': 'http' }
    const agents = await Promise.all(
      Object.entries(ways).map(([name, claim]) =>
        TestAgent.start(server, { name, slots: 2, env: { SWEEP_CLAIM: claim } }),
      ),
    )
    const [byQueue] = agents
    const said = (message: string) => byQueue?.output.split(message).length ?? 0
    try {
      await waitFor(() => said('claiming from the queue') > 1)
      const id = await createSweep(server, SHORT)
      await waitFor(async () => (await getSweep(server, id)).trials.completed >= 8)
      await redis.kill()
      await waitFor(() => said('claiming over HTTP until it does') > 1)
      await redis.start()
      expect((await finished(server, id)).trials).toMatchObject({ completed: 30, failed: 0 })
      const trials = await allTrials(server, id)
      for (const { number } of trials) expect((await getTrial(server, id, number)).attemptList).toHaveLength(1)
      expect(new Set(trials.map((trial) => trial.agent))).toEqual(new Set(Object.keys(ways)))
      await waitFor(() => said('claiming from the queue') > 2)
      await expectConsistent(server, [id])
    } finally {
      for (const agent of agents) await agent.remove()
      await server.remove()
      await redis.remove()
    }
  }, 120_000)
})
