import { Counter } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { type MonitorServer, startMonitor } from './monitor-server.ts'
import { emptyMetrics, openMetrics } from './registry.ts'

let monitor: MonitorServer | undefined

afterEach(async () => {
  await monitor?.close()
  monitor = undefined
})

test('what was counted is told in OpenMetrics, ended as that format is', async () => {
  const metrics = emptyMetrics()
  new Counter({ name: 'sweep_things', help: 'Things.', registers: [metrics] }).inc(3)
  monitor = await startMonitor({ host: '127.0.0.1', port: 0, metrics, whyUnhealthy: () => undefined })
  const reply = await fetch(`${monitor.url}/metrics`)
  expect(reply.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
  const text = await reply.text()
  expect(text).toContain('sweep_things_total 3')
  expect(text.endsWith('# EOF\n')).toBe(true)
})

test('the process tells of its memory and of the lag of its event loop', async () => {
  monitor = await startMonitor({ host: '127.0.0.1', port: 0, metrics: openMetrics(), whyUnhealthy: () => undefined })
  const text = await (await fetch(`${monitor.url}/metrics`)).text()
  expect(text).toContain('process_resident_memory_bytes ')
  expect(text).toContain('nodejs_eventloop_lag_seconds ')
})

test('a service is well until it says why it is not', async () => {
  let why: string | undefined
  monitor = await startMonitor({ host: '127.0.0.1', port: 0, metrics: emptyMetrics(), whyUnhealthy: () => why })
  expect((await fetch(`${monitor.url}/health`)).status).toBe(200)
  why = 'the database is away'
  const reply = await fetch(`${monitor.url}/health`)
  expect(reply.status).toBe(503)
  expect(await reply.text()).toBe('the database is away\n')
})

test('a collector that fails is an error of the scrape, and no more', async () => {
  const metrics = emptyMetrics()
  new Counter({
    name: 'sweep_broken',
    help: 'Broken.',
    registers: [metrics],
    collect: () => Promise.reject(new Error('no database')),
  })
  monitor = await startMonitor({ host: '127.0.0.1', port: 0, metrics, whyUnhealthy: () => undefined })
  expect((await fetch(`${monitor.url}/metrics`)).status).toBe(500)
  expect((await fetch(`${monitor.url}/health`)).status).toBe(200)
})

test('there is nothing else there', async () => {
  monitor = await startMonitor({ host: '127.0.0.1', port: 0, metrics: emptyMetrics(), whyUnhealthy: () => undefined })
  expect((await fetch(`${monitor.url}/`)).status).toBe(404)
  expect((await fetch(`${monitor.url}/metrics`, { method: 'POST' })).status).toBe(405)
})
