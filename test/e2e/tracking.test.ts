import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import { afterEach, expect, test } from 'vitest'
import { TestServer, waitFor } from '../support/server.ts'
import { createSweep, finished } from '../support/sweeps.ts'

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
    const server = await TestServer.start({ agent: false, embedded: true })
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

/** Nothing but HTTP and the environment that every trial has. */
const LOGS_ITSELF = `
import json, os, urllib.request

def call(method, path, body, kind="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": "Bearer " + os.environ["SWEEP_TOKEN"], "content-type": kind}
    url = os.environ["SWEEP_URL"] + "/api/v1" + path
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as reply:
        return json.load(reply)

run = os.environ["SWEEP_ID"] + "-" + os.environ["SWEEP_TRIAL"]
call("POST", f"/runs/{run}/params", {"params": {"extra": {"depth": 3}}})
call("POST", f"/runs/{run}/tags", {"set": {"kind": "e2e"}})
child = call("POST", "/runs", {"parentRunId": run, "name": "fold"})["id"]
for seq in (1, 2):
    points = [{"step": seq, "context": "eval", "values": {"acc": seq / 2}}]
    call("POST", f"/runs/{run}/metrics/batch", {"writer": {"id": "me", "seq": seq}, "points": points})
call("POST", f"/runs/{child}/metrics/batch", {"points": [{"values": {"loss": 0.5}}]})
call("POST", f"/runs/{child}/end", {})
call("PUT", f"/runs/{run}/artifacts/file?path=notes.txt", b"hello", "application/octet-stream")
with open(os.environ["SWEEP_METRICS"], "a") as file:
    file.write('{"step": 1, "loss": 0.25}\\n')
`

test(
  "a trial's program logs to its run, and to one below it, with the token it has",
  async () => {
    const server = await TestServer.start({ slots: 2 })
    cleanups.push(() => server.remove())
    const source = `
method: random
metric: {name: loss, goal: minimize}
parameters:
  x: {min: 0.0, max: 1.0}
command: [/usr/bin/python3, -c, ${JSON.stringify(LOGS_ITSELF)}]
budget: {trials: 2}
`
    const id = await createSweep(server, source)
    expect((await finished(server, id)).trials).toMatchObject({ completed: 2 })
    const { tracking } = createClient({ url: server.url, token: await server.token() })
    const { runs } = await tracking.listRuns(id, { statuses: ['completed'] })
    expect(runs.map((run) => run.name).filter((name) => name === 'fold')).toHaveLength(2)
    const trials = runs.filter((run) => run.trial !== null)
    expect(trials).toHaveLength(2)
    for (const run of trials) {
      expect(run).toMatchObject({ params: { 'extra.depth': 3, x: expect.any(Number) }, tags: { kind: 'e2e' } })
      const { metrics } = await tracking.runMetrics(run.id)
      expect(metrics).toMatchObject(
        expect.arrayContaining([
          expect.objectContaining({ key: 'eval/acc', points: 2, last: 1, context: 'eval' }),
          expect.objectContaining({ key: 'loss', points: 1, last: 0.25 }),
        ]),
      )
      expect((await tracking.listRunArtifacts(run.id)).artifacts).toMatchObject([{ path: 'notes.txt', sizeBytes: 5 }])
    }
  },
  LIMIT_MS,
)

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}
