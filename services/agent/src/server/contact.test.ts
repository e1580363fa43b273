import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Contact, canReach } from './contact.ts'

describe('with a lease of 10 seconds', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function contact(reach: () => Promise<boolean>) {
    const cutOff: { atMs: number; leftMs: number }[] = []
    const start = performance.now()
    const made = new Contact({
      url: 'http://server',
      reach,
      onCutOff: (leftMs) => cutOff.push({ atMs: performance.now() - start, leftMs }),
    })
    return { made, cutOff }
  }

  test('an agent whose network is cut hears of it before its leases end', async () => {
    const { made, cutOff } = contact(async () => false)
    made.leaseGranted(10_000)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(cutOff).toEqual([{ atMs: 8000, leftMs: 1000 }])
  })

  test('one whose leases are renewed does not', async () => {
    const { made, cutOff } = contact(async () => false)
    for (let beat = 0; beat < 20; beat += 1) {
      made.leaseGranted(10_000)
      await vi.advanceTimersByTimeAsync(5000)
    }
    expect(cutOff).toEqual([])
    made.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(cutOff).toEqual([])
  })

  test('one whose server is away but can be reached goes on, until it can no longer be', async () => {
    let isThere = true
    const { made, cutOff } = contact(async () => isThere)
    made.leaseGranted(10_000)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(cutOff).toEqual([])
    isThere = false
    await vi.advanceTimersByTimeAsync(1000)
    expect(cutOff).toHaveLength(1)
  })

  test('a lease that comes while it looks is in time', async () => {
    const { made, cutOff } = contact(() => new Promise((resolve) => setTimeout(resolve, 900, false)))
    made.leaseGranted(10_000)
    await vi.advanceTimersByTimeAsync(8500)
    made.leaseGranted(10_000)
    await vi.advanceTimersByTimeAsync(7900)
    expect(cutOff).toEqual([])
    await vi.advanceTimersByTimeAsync(1000)
    expect(cutOff).toHaveLength(1)
  })
})

test('a port that listens, even without ever answering, and one that refuses are both there', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  expect(await canReach(url, 5000)).toBe(true)
  await new Promise((resolve) => server.close(resolve))
  expect(await canReach(url, 5000)).toBe(true)
})

test('a name that nobody knows can not be reached', async () => {
  expect(await canReach('http://no-such-host.invalid', 5000)).toBe(false)
})
