import type { HealthReply } from '@sweep/spec/wire/health'
import type { WebhookCreated } from '@sweep/spec/wire/webhooks'
import { afterEach, expect, test } from 'vitest'
import { type Receiver, startReceiver } from '../../services/api/src/webhooks/testing/receiver.ts'
import { expectConsistent } from '../support/consistent.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { allFacts, createSweep, finished, getTrial } from '../support/sweeps.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(env: Record<string, string> = {}): Promise<TestServer> {
  const server = await TestServer.start({ slots: 2, env })
  cleanups.push(() => server.remove())
  return server
}

test('a trial whose loss is NaN is stopped where its sweep says so, and says why; the others run to their end', async () => {
  const server = await start()
  const id = await createSweep(
    server,
    `
method: grid
metric: {name: val_loss}
parameters: {bad: {values: [1, 0]}}
command: [/bin/sh, diverges.sh, "\${args}"]
health: {nan: stop}
grace_period: 1s
`,
  )
  const startedAt = performance.now()
  await finished(server, id)
  expect(performance.now() - startedAt).toBeLessThan(45_000)
  const [bad, good] = [await getTrial(server, id, 1), await getTrial(server, id, 2)]
  expect(bad).toMatchObject({ state: 'pruned', cause: 'unhealthy', value: 2, attempts: 1 })
  expect(bad.reason).toMatch(/^nan: train\/loss is NaN since step 3/)
  expect(bad.findings).toMatchObject([{ rule: 'nan', metric: 'train/loss', clearedAt: null }])
  expect(good.state).toBe('completed')
  expect(good.findings).toBeUndefined()
  const { findings } = await server.call<HealthReply>('GET', `/sweeps/${id}/health`)
  expect(findings.map(({ trial, rule }) => [trial, rule])).toEqual([[1, 'nan']])
  await expectConsistent(server, [id])
})

test('a server that is killed again and again leaves no event untold, and those of a sweep in their order', async () => {
  const receiver: Receiver = await startReceiver()
  cleanups.push(() => receiver.close())
  const server = await start({ SWEEP_WEBHOOKS_PRIVATE: 'allow' })
  const { webhook } = await server.call<WebhookCreated>('POST', '/webhooks', {
    url: receiver.url,
    kinds: ['sweep.created', 'trial.created', 'trial.started', 'trial.ended', 'sweep.ended'],
  })
  const id = await createSweep(
    server,
    `
method: random
metric: {name: val_loss}
parameters: {x: {min: 1000, max: 100000}}
command: [/bin/sh, steps.sh, "\${args}", --steps=10, --pause=0.03]
budget: {trials: 12}
seed: 7
`,
  )
  for (const count of [3, 12, 24]) {
    await waitFor(async () => receiver.received.length >= count, 60_000)
    await server.kill()
    await server.start()
  }
  await finished(server, id)
  const told = () =>
    receiver.received.filter(({ headers }) => headers['sweep-delivery']?.toString().startsWith(webhook.id))
  await waitFor(async () => told().some(({ body }) => body['kind'] === 'sweep.ended'), 60_000)
  const expected = (await allFacts(server, id)).flatMap((fact) => {
    switch (fact.kind) {
      case 'sweep-created':
      case 'sweep-ended':
        return [fact.kind.replace('-', '.')]
      case 'trial-created':
      case 'trial-ended':
        return [`${fact.kind.replace('-', '.')} ${fact.trial}`]
      case 'attempt-started':
        return [`trial.started ${fact.trial}`]
      default:
        return []
    }
  })
  // An event that came twice has the number of the first time, and comes before the next one.
  const numbers = told().map(({ body }) => Number(body['id']))
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  const once = told().filter((_, at) => numbers[at] !== numbers[at - 1])
  expect(once.map(({ body }) => `${body['kind']}${body['trial'] === null ? '' : ` ${body['trial']}`}`)).toEqual(
    expected,
  )
})
