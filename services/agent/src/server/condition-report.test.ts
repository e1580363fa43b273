import { SweepError } from '@sweep/spec/errors'
import type { AgentCondition } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { ConditionReport } from './condition-report.ts'

const AWAY: AgentCondition = { claims: 'http', queueTrouble: 'no route' }
let told: AgentCondition[]
let answer: () => Promise<void>
let report: ConditionReport
beforeEach(() => {
  told = []
  answer = async () => undefined
  const tellCondition = (condition: AgentCondition) => {
    told.push(condition)
    return answer()
  }
  report = new ConditionReport({ api: { tellCondition }, log: pino({ level: 'silent' }) })
})

/** Lets what was begun come to its end: there is no I/O in it. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('nothing is told before the agent is registered, then how it works, and again only what has changed', async () => {
  report.change(AWAY)
  report.onContact()
  expect(told).toEqual([])
  report.onRegistered()
  await settled()
  report.change({ ...AWAY })
  report.onContact()
  await settled()
  expect(told).toEqual([AWAY])
  report.change({ claims: 'queue', queueTrouble: undefined })
  await settled()
  expect(told).toEqual([AWAY, { claims: 'queue' }])
})

test('one that registers anew says it anew', async () => {
  report.onRegistered()
  await settled()
  report.onRegistered()
  await settled()
  expect(told).toEqual([{ claims: 'http' }, { claims: 'http' }])
})

test('what the server did not take is told again with the next contact', async () => {
  answer = () => Promise.reject(new SweepError('unreachable', 'away'))
  report.onRegistered()
  await settled()
  expect(told).toHaveLength(1)
  answer = async () => undefined
  report.onContact()
  await settled()
  report.onContact()
  await settled()
  expect(told).toHaveLength(2)
})

test('a server that does not know of such a thing is left alone', async () => {
  answer = () => Promise.reject(new SweepError('not-found', 'no such route'))
  report.onRegistered()
  await settled()
  report.onContact()
  report.change(AWAY)
  await settled()
  expect(told).toHaveLength(1)
})

test('a change that comes while the last one is under way is told after it', async () => {
  let take: () => void = () => undefined
  answer = () => new Promise((resolve) => (take = resolve))
  report.onRegistered()
  report.change(AWAY)
  expect(told).toEqual([{ claims: 'http' }])
  take()
  await settled()
  expect(told).toEqual([{ claims: 'http' }, AWAY])
  take()
})
