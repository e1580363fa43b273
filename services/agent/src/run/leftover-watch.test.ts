import { FakeLauncher } from '@sweep/launchers/fake-launcher'
import type { Launcher, Leftover } from '@sweep/launchers/launcher'
import { AttemptId } from '@sweep/spec/ids'
import type { AgentCondition, Leftovers } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { LeftoverWatch } from './leftover-watch.ts'

const LEASE_MS = 30_000
const OVER = AttemptId.parse('xxxxxxxxxx-1-1')
const LIVING = AttemptId.parse('xxxxxxxxxx-2-1')

let nowMs: number
let ended: string[]
let asked: Leftovers['attempts'][]
/** What is found, and what the server says. */
let found: () => Promise<Leftover[]>
let lost: string[]
let closed: Map<string, string>
let toldOf: AgentCondition['lostNamespaces']
let lookedIn: readonly string[]
let over: (attempts: Leftovers['attempts']) => Promise<Leftovers['attempts']>
let watch: LeftoverWatch
beforeEach(() => {
  nowMs = 0
  ended = []
  asked = []
  found = async () => [leftover(OVER, 1), leftover(LIVING, 1)]
  lost = []
  closed = new Map()
  toldOf = undefined
  lookedIn = []
  over = async (attempts) => attempts.filter(({ attemptId }) => attemptId === OVER)
  const shared: Launcher = Object.assign(new FakeLauncher(), {
    isRemote: true,
    ofOthers: async (_: unknown, namespaces: readonly string[]) => {
      lookedIn = namespaces
      return { leftovers: await found(), closed }
    },
  })
  watch = new LeftoverWatch({
    agent: { id: 'us', home: '/home' },
    launchers: new Map<string, Launcher>([
      ['alone', new FakeLauncher()],
      ['shared', shared],
    ]),
    api: {
      over: async (attempts) => {
        asked.push(attempts)
        return over(attempts)
      },
      lostNamespaces: async () => lost,
    },
    onLooked: (namespaces) => (toldOf = namespaces),
    steady: () => nowMs,
    log: pino({ level: 'silent' }),
  })
})

function leftover(id: string, epoch: number): Leftover {
  return { id, epoch, end: async () => void ended.push(`${id} ${epoch}`) }
}

/** Lets what was begun come to its end: there is no I/O in it. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function look(): Promise<void> {
  nowMs += LEASE_MS
  watch.onContact(LEASE_MS)
  await settled()
}

test('what the server calls over is ended, and nothing else', async () => {
  await look()
  expect(asked).toEqual([
    [
      { attemptId: OVER, epoch: 1 },
      { attemptId: LIVING, epoch: 1 },
    ],
  ])
  expect(ended).toEqual([`${OVER} 1`])
})

test('of two claims of an attempt the one that is over is ended', async () => {
  found = async () => [leftover(OVER, 1), leftover(OVER, 2)]
  over = async (attempts) => attempts.filter(({ epoch }) => epoch === 1)
  await look()
  expect(ended).toEqual([`${OVER} 1`])
})

test('what bears no id of an attempt or no epoch is not asked for', async () => {
  found = async () => [leftover('', 1), leftover('somebody-elses', 1), leftover(OVER, Number.NaN)]
  await look()
  expect([asked, ended]).toEqual([[], []])
})

test('it looks once in the time of a lease', async () => {
  await look()
  nowMs += LEASE_MS - 1
  watch.onContact(LEASE_MS)
  await settled()
  expect(asked).toHaveLength(1)
  nowMs += 1
  watch.onContact(LEASE_MS)
  await settled()
  expect(asked).toHaveLength(2)
})

test('it does not look twice at once, and a look that fails is made again', async () => {
  let fail: (error: Error) => void = () => undefined
  over = () => new Promise((_, reject) => (fail = reject))
  await look()
  await look()
  expect(asked).toHaveLength(1)
  fail(new Error('away'))
  await settled()
  over = async (attempts) => attempts
  await look()
  expect(ended).toEqual([`${OVER} 1`, `${LIVING} 1`])
})

test('it looks also where the server says that agents were lost, and says where it may not', async () => {
  lost = ['team-a', 'team-b']
  closed = new Map([
    ['team-b', 'jobs.batch is forbidden'],
    ['elsewhere', 'jobs.batch is forbidden'],
  ])
  await look()
  expect(lookedIn).toEqual(['team-a', 'team-b'])
  expect(toldOf).toEqual([{ namespace: 'team-a' }, { namespace: 'team-b', problem: 'jobs.batch is forbidden' }])
  expect(ended).toEqual([`${OVER} 1`])
})
