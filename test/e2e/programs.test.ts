import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgresOf, querySql } from '../support/postgres-of.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { createSweep, finished, getSweep, getTrial, trialProcesses } from '../support/sweeps.ts'

let server: TestServer
let folder: string

beforeAll(async () => {
  server = await TestServer.start({ slots: 4 })
  folder = await mkdtemp(join(tmpdir(), 'sweep-programs-'))
})

afterAll(async () => {
  await server.remove()
  await rm(folder, { recursive: true, force: true })
})

/** One trial of a shell script. */
function once(script: string, extra = ''): string {
  return `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.0, max: 1.0}
command: [/bin/sh, -c, ${JSON.stringify(script)}]
budget: {trials: 1}
${extra}`
}

async function outcome(source: string) {
  const id = await createSweep(server, source, folder)
  const sweep = await finished(server, id)
  const trial = await getTrial(server, id, 1)
  return { id, sweep, trial, attempt: trial.attemptList.at(-1) }
}

test.concurrent('a program that ends without the metric fails with the names it did report', async () => {
  const { trial } = await outcome(once(`echo '{"step": 1, "val_los": 0.5}' >> "$SWEEP_METRICS"`))
  expect(trial).toMatchObject({ state: 'failed', cause: 'no-metric' })
  expect(trial.reason).toContain('val_loss')
  expect(trial.reason).toContain('val_los')
})

test.concurrent('a program that reports nothing and exits 0 fails too, and says so', async () => {
  const { trial } = await outcome(once('exit 0'))
  expect(trial).toMatchObject({ state: 'failed', cause: 'no-metric' })
})

test.concurrent('NaN and infinite values are stored, never best, and a trial with nothing else fails as nan', async () => {
  const some = await outcome(
    once(
      `printf '{"step":1,"val_loss":"NaN"}\\n{"step":2,"val_loss":0.5}\\n{"step":3,"val_loss":"Infinity"}\\n' >> "$SWEEP_METRICS"`,
    ),
  )
  expect(some.trial).toMatchObject({ state: 'completed', value: 0.5, reports: 3, lastValue: 'Infinity' })
  const none = await outcome(once(`printf '{"step":1,"val_loss":"NaN"}\\n' >> "$SWEEP_METRICS"`))
  expect(none.trial).toMatchObject({ state: 'failed', cause: 'nan', value: null })
})

test.concurrent('steps out of order and repeated are kept as they came', async () => {
  const { id, trial } = await outcome(
    once(
      `printf '{"step":5,"val_loss":3}\\n{"step":2,"val_loss":2}\\n{"step":2,"val_loss":1}\\n{"val_loss":4}\\n' >> "$SWEEP_METRICS"`,
    ),
  )
  expect(trial).toMatchObject({ state: 'completed', value: 1, reports: 4 })
  const stored = await server.call<{ series: unknown[] }>('GET', `/sweeps/${id}/trials/1/metrics?name=val_loss`)
  expect(stored.series).toEqual([{ name: 'val_loss', steps: [5, 2, 2, 3], values: [3, 2, 1, 4] }])
})

test.concurrent('the points of an attempt that has ended are packed before long, and read the same', async () => {
  // Points that come in one report are left as they are, so the second waits until the first has arrived.
  const go = join(folder, 'go-on-to-the-second-point')
  const line = (step: number) => `echo '{"step":${step},"val_loss":0.${step}}' >> "$SWEEP_METRICS"`
  const script = `${line(1)}; until [ -e ${go} ]; do sleep 0.05; done; ${line(2)}; ${line(3)}`
  const id = await createSweep(server, once(script), folder)
  await waitFor(
    async () => (await getSweep(server, id)).trials.running === 1 && (await getTrial(server, id, 1)).reports === 1,
  )
  await writeFile(go, '')
  await finished(server, id)
  const url = await postgresOf(server)
  const packed = `select c.count from metric_chunks c join attempts a on a.key = c.attempt_key where a.sweep_id = $1`
  await waitFor(async () => (await querySql(url, packed, [id])).rowCount === 1, 30_000)
  const stored = await server.call<{ series: unknown[] }>('GET', `/sweeps/${id}/trials/1/metrics?name=val_loss`)
  expect(stored.series).toEqual([{ name: 'val_loss', steps: [1, 2, 3], values: [0.1, 0.2, 0.3] }])
})

test.concurrent('a program that does not exist fails as bad-command and names it', async () => {
  const source = once('').replace(/command: .*/, 'command: [no-such-program-here, "${args}"]')
  const { trial } = await outcome(source)
  expect(trial).toMatchObject({ state: 'failed', cause: 'bad-command' })
  expect(trial.reason).toContain('no-such-program-here')
})

test.concurrent('a non-zero exit fails as user-error with the code, and is retried as often as the sweep says', async () => {
  const { trial, attempt } = await outcome(once('echo val_loss=0.4; exit 3', 'retry: {max: 2}'))
  expect(trial).toMatchObject({ state: 'failed', cause: 'user-error', attempts: 3 })
  expect(attempt).toMatchObject({ exitCode: 3 })
})

test.concurrent('a program that ignores SIGTERM is killed after its grace, with the grandchild it forked', async () => {
  const script = `trap '' TERM; setsid sh -c 'trap "" TERM; sleep 301' & echo val_loss=0.4; while :; do sleep 0.2; done`
  const id = await createSweep(server, once(script, 'grace_period: 1s'), folder)
  await waitFor(async () => (await getTrial(server, id, 1).catch(() => undefined))?.reports === 1)
  await server.call('POST', `/sweeps/${id}/cancel`)
  expect((await finished(server, id)).state).toBe('cancelled')
  expect((await getTrial(server, id, 1)).state).toBe('cancelled')
  const mine = (await trialProcesses(server.home)).filter((process) => process.includes('sleep 301'))
  expect(mine).toEqual([])
})

test.concurrent('100 MB of output neither stops the metric nor fills the server', async () => {
  const script = `head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; yes 0123456789012345678901234567890123456789012345678 | head -c 50000000; echo; echo val_loss=0.25`
  const { id, trial } = await outcome(once(script))
  expect(trial).toMatchObject({ state: 'completed', value: 0.25 })
  // The log comes in pieces: a beginning and an end, and what is between them is not kept.
  let text = ''
  for (let after = 0, done = false; !done; ) {
    const piece = await server.call<{ text: string; next: number; done: boolean }>(
      'GET',
      `/sweeps/${id}/trials/1/logs?after=${after}`,
    )
    text += piece.text
    after = piece.next
    done = piece.done
  }
  expect(text.length).toBeLessThan(2_000_000)
  expect(text).toContain('val_loss=0.25')
})

test.concurrent('a half line at the end is not a report', async () => {
  const { trial } = await outcome(once(`printf '{"step":1,"val_loss":0.5}\\n{"step":2,"val_lo' >> "$SWEEP_METRICS"`))
  expect(trial).toMatchObject({ state: 'completed', value: 0.5, reports: 1 })
})

test.concurrent('a trial that runs too long ends as timeout', async () => {
  const { trial } = await outcome(once('echo val_loss=1; sleep 300', 'timeout: 1s\ngrace_period: 1s'))
  expect(trial).toMatchObject({ state: 'failed', cause: 'timeout' })
})

test.concurrent('pause lets running trials finish, resume goes on, stop starts no more', async () => {
  const source = once('echo val_loss=1; sleep 0.5').replace(
    'budget: {trials: 1}',
    'budget: {trials: 50}\nparallelism: 1',
  )
  const id = await createSweep(server, source, folder)
  await waitFor(async () => (await getSweep(server, id)).trials.running === 1)
  await server.call('POST', `/sweeps/${id}/pause`)
  await waitFor(async () => (await getSweep(server, id)).trials.running === 0)
  const paused = (await getSweep(server, id)).trials.completed
  expect((await getSweep(server, id)).state).toBe('paused')
  await server.call('POST', `/sweeps/${id}/resume`)
  await waitFor(async () => (await getSweep(server, id)).trials.completed > paused)
  await server.call('POST', `/sweeps/${id}/stop`)
  const sweep = await finished(server, id)
  expect(sweep.state).toBe('stopped')
  expect(sweep.trials.completed).toBeLessThan(50)
})

test.concurrent('a given config can be enqueued, a running trial pruned, a failed one retried', async () => {
  const script = `if [ -e "${'$'}SWEEP_RUN_DIR/../../ok" ]; then exit 0; fi; echo val_loss=1; sleep 300`
  const source = once(script, 'grace_period: 1s').replace('budget: {trials: 1}', 'budget: {trials: 2}\nparallelism: 1')
  const id = await createSweep(server, source, folder)
  await waitFor(async () => (await getTrial(server, id, 1).catch(() => undefined))?.reports === 1)
  const enqueued = await server.call<{ number: number }>('POST', `/sweeps/${id}/trials`, { config: { x: 0.5 } })
  expect(enqueued.number).toBe(2)
  await server.call('POST', `/sweeps/${id}/trials/1/prune`)
  await waitFor(async () => (await getTrial(server, id, 1)).state === 'pruned')
  await waitFor(async () => (await getTrial(server, id, 2)).reports === 1)
  expect((await getTrial(server, id, 2)).config).toEqual({ x: 0.5 })
  await server.call('POST', `/sweeps/${id}/trials/2/stop`)
  const sweep = await finished(server, id)
  expect(sweep.trials).toMatchObject({ pruned: 1, completed: 1 })
})
