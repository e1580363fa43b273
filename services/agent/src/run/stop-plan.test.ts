import { expect, test } from 'vitest'
import { stopPlan } from './stop-plan.ts'

test('a program that may read control.json has its grace before SIGTERM, another gets it at once', () => {
  expect(stopPlan('pruned', true, 3000)).toEqual({ termAfterMs: 3000, killAfterMs: 6000 })
  expect(stopPlan('pruned', false, 3000)).toEqual({ termAfterMs: 0, killAfterMs: 3000 })
})

test('a kill on request and a timeout do not wait for anybody', () => {
  expect(stopPlan('cancelled', true, 3000)).toEqual({ termAfterMs: 0, killAfterMs: 3000 })
  expect(stopPlan('timeout', true, 3000)).toEqual({ termAfterMs: 0, killAfterMs: 3000 })
})

test('a drained agent is done within 25 s whatever grace the sweep gives', () => {
  expect(stopPlan('preempted', true, 600_000)).toEqual({ termAfterMs: 12_500, killAfterMs: 25_000 })
  expect(stopPlan('preempted', false, 1000)).toEqual({ termAfterMs: 0, killAfterMs: 1000 })
})
