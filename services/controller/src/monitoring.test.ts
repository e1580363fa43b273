import { randomBytes } from 'node:crypto'
import { emptyMetrics } from '@sweep/monitoring/registry'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startController } from './controller.ts'
import { Scenes, SETTINGS } from './testing/scene.ts'
import { ended, newSweep } from './testing/sweeps.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await Scenes.prepare()
})
afterAll(() => scenes.remove())

test('suggestions, decisions and folded facts are counted', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  const metrics = emptyMetrics()
  const controller = await startController(SETTINGS, {
    ...{ database: scene.database, queue: scene.queue, clock: { now: () => Date.now() }, randomBytes, metrics },
    log: pino({ level: 'silent' }),
  })
  onTestFinished(() => controller.stop())
  await scene.agent({ slots: 2, run: ({ config }) => ({ values: Array(6).fill(Number(config['x'])), ms: 30 }) })
  const id = await newSweep(scene.database, {
    budget: { trials: 8 },
    earlyTerminate: { type: 'threshold', upper: 0.5, nonFinite: true, grace: 1, resource: 'reports' },
  })
  await ended(scene.database, id)
  const text = await metrics.metrics()
  expect(text).toContain('sweep_suggestion_seconds_count{method="random"} 8')
  expect(Number(/^sweep_facts_folded_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(20)
  expect(Number(/^sweep_decision_seconds_count (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0)
  expect(controller.whyUnhealthy()).toBeUndefined()
})
