import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts'

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => vi.useRealTimers())

function queueOf(work: WorkQueueOptions['work'], options: Partial<WorkQueueOptions> = {}) {
  const errors: unknown[] = []
  const clock = { now: () => Date.now() }
  const onError = (_: string, error: unknown) => errors.push(error)
  return {
    queue: new WorkQueue({ clock, random: () => 1, width: 2, pauseMs: 1000, work, onError, ...options }),
    errors,
  }
}

test('a key that is asked for many times is looked at once, and again after the pause when something came since', async () => {
  const looks: number[] = []
  const { queue } = queueOf(async () => {
    looks.push(Date.now() - 1_000_000)
    return undefined
  })
  for (let i = 0; i < 5; i += 1) queue.add('a')
  await vi.advanceTimersByTimeAsync(100)
  expect(looks).toEqual([0])
  queue.add('a')
  queue.add('a')
  await vi.advanceTimersByTimeAsync(5000)
  expect(looks).toEqual([0, 1000])
})

test('what changes while a key is looked at makes for another look, and never two at a time', async () => {
  let running = 0
  let most = 0
  let looks = 0
  const { queue } = queueOf(async () => {
    running += 1
    most = Math.max(most, running)
    looks += 1
    await new Promise((resolve) => setTimeout(resolve, 3000))
    running -= 1
    return undefined
  })
  queue.add('a')
  await vi.advanceTimersByTimeAsync(1500)
  queue.add('a')
  await vi.advanceTimersByTimeAsync(10_000)
  expect([most, looks]).toEqual([1, 2])
})

test('no more than the width are looked at side by side, and all in the end', async () => {
  let running = 0
  let most = 0
  const seen = new Set<string>()
  const { queue } = queueOf(async (key) => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 10))
    running -= 1
    seen.add(key)
    return undefined
  })
  for (let i = 0; i < 20; i += 1) queue.add(String(i))
  await vi.advanceTimersByTimeAsync(1000)
  expect([most, seen.size]).toEqual([2, 20])
})

test('a failure is tried again after longer and longer, but at once when there is reason to', async () => {
  const looks: number[] = []
  const { queue, errors } = queueOf(async () => {
    looks.push(Date.now() - 1_000_000)
    throw new Error('away')
  })
  queue.add('a')
  await vi.advanceTimersByTimeAsync(2000)
  expect(looks).toEqual([0, 250, 750, 1750])
  // A change of the resource does not shorten the wait.
  queue.add('a')
  await vi.advanceTimersByTimeAsync(1000)
  expect(looks).toHaveLength(4)
  queue.retry('a')
  await vi.advanceTimersByTimeAsync(1)
  expect(looks).toHaveLength(5)
  await vi.advanceTimersByTimeAsync(600_000)
  const gaps = looks.slice(1).map((at, index) => at - (looks[index] ?? 0))
  expect(Math.max(...gaps)).toBe(30_000)
  expect(errors).toHaveLength(looks.length)
})

test('a look may ask for the next one, and what is forgotten is not looked at', async () => {
  let looks = 0
  const { queue } = queueOf(async () => {
    looks += 1
    return 5000
  })
  queue.add('a')
  await vi.advanceTimersByTimeAsync(11_000)
  expect(looks).toBe(3)
  queue.forget('a')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(looks).toBe(3)
})

test('what is forgotten while it is looked at is not looked at again, unless it is asked for anew', async () => {
  let looks = 0
  const { queue } = queueOf(async () => {
    looks += 1
    await new Promise((resolve) => setTimeout(resolve, 500))
    return 1000
  })
  queue.add('a')
  await vi.advanceTimersByTimeAsync(100)
  queue.forget('a')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(looks).toBe(1)
  queue.add('a')
  await vi.advanceTimersByTimeAsync(100)
  queue.forget('a')
  queue.add('a')
  await vi.advanceTimersByTimeAsync(1600)
  expect(looks).toBe(3)
})

test('closing waits for what has begun, and begins nothing', async () => {
  const ended: string[] = []
  const { queue } = queueOf(
    async (key) => {
      await new Promise((resolve) => setTimeout(resolve, 500))
      ended.push(key)
      return 1
    },
    { width: 1 },
  )
  queue.add('a')
  queue.add('b')
  await vi.advanceTimersByTimeAsync(100)
  const closed = queue.close()
  await vi.advanceTimersByTimeAsync(10_000)
  await closed
  expect(ended).toEqual(['a'])
})
