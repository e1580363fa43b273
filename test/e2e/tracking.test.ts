import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import { afterEach, expect, test } from 'vitest'
import { TestServer, waitFor } from '../support/server.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const WRITERS = 64
const BATCHES = 20
const POINTS = 20
/** On a machine that is busy with other things. */
const LIMIT_MS = 300_000

test(
  '64 writers at once, the server killed and started again three times: every point is there once',
  async () => {
    const server = await TestServer.start({ agent: false })
    cleanups.push(() => server.remove())
    const { tracking } = createClient({ url: server.url, token: await server.token() })
    // Half of them share a run, as the processes of one training do.
    const shared = await tracking.createRun({ experiment: 'writers' })
    let answered = 0

    /** As a tracker does: again, until it is answered. */
    async function until<T>(call: () => Promise<T>): Promise<T> {
      for (;;) {
        try {
          return await call()
        } catch (error) {
          if (!(error instanceof SweepError) || !error.retryable) throw error
          await sleep(50)
        }
      }
    }

    async function writer(n: number): Promise<string> {
      // Made by the writer, so that asking again makes no second run.
      const id = `w${String(n).padStart(9, '0')}`
      const run = n % 2 === 0 ? shared : await until(() => tracking.createRun({ id, experiment: 'writers' }))
      for (let seq = 1; seq <= BATCHES; seq += 1) {
        const points = Array.from({ length: POINTS }, (_, i) => {
          const step = (seq - 1) * POINTS + i
          return { step, at: step, values: { loss: step, [`w${n}`]: step % 7 === 0 ? Number.NaN : n } }
        })
        await until(() => tracking.logMetrics(run.id, { writer: { id: `w${n}`, seq }, points }))
        answered += 1
      }
      if (run !== shared) await until(() => tracking.endRun(run.id))
      return run.id
    }

    async function faults(): Promise<void> {
      for (const share of [0.2, 0.4, 0.6]) {
        await waitFor(() => answered >= WRITERS * BATCHES * share, LIMIT_MS)
        await server.kill()
        await server.start()
      }
    }

    const [runs] = await Promise.all([Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n))), faults()])
    expect(answered).toBe(WRITERS * BATCHES)
    const each = BATCHES * POINTS
    const steps = Array.from({ length: each }, (_, step) => step)
    for (const [n, run] of runs.entries()) {
      expect((await tracking.metricHistory(run, `w${n}`)).steps).toEqual(steps)
      const { metrics } = await tracking.runMetrics(run)
      const loss = metrics.find(({ key }) => key === 'loss')
      const writers = run === shared.id ? WRITERS / 2 : 1
      expect(loss).toMatchObject({ points: each * writers, last: each - 1, min: 0, max: each - 1 })
      expect(metrics.find(({ key }) => key === `w${n}`)).toMatchObject({ points: each, min: n, max: n })
    }
    expect((await tracking.metricHistory(shared.id, 'loss')).total).toBe((each * WRITERS) / 2)
  },
  LIMIT_MS,
)

test(
  'a file of hundreds of megabytes goes up and down without the server growing',
  async () => {
    const server = await TestServer.start({ agent: false })
    cleanups.push(() => server.remove())
    const { tracking } = createClient({ url: server.url, token: await server.token() })
    const run = await tracking.createRun({})
    const megabytes = Number(process.env['SWEEP_TEST_ARTIFACT_MB'] ?? 200)
    const chunk = Buffer.alloc(1_048_576, 7)
    let largest = 0
    const begin = await residentMegabytes(server.pid)
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < megabytes; n += 1) {
        if (n % 32 === 0) largest = Math.max(largest, await residentMegabytes(server.pid))
        yield chunk
      }
    }
    const stored = await tracking.uploadArtifact(run.id, 'large.bin', bytes())
    expect(stored.sizeBytes).toBe(megabytes * 1_048_576)
    let read = 0
    for await (const part of await tracking.getRunArtifact(run.id, 'large.bin')) {
      if (read % (32 * 1_048_576) < part.length) largest = Math.max(largest, await residentMegabytes(server.pid))
      read += part.length
    }
    expect(read).toBe(stored.sizeBytes)
    expect(largest - begin).toBeLessThan(150)
  },
  LIMIT_MS,
)

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}
