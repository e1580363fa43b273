import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Known } from '../fake-server.ts'
import { AgentBench, ended, sh, until } from '../test-agent.ts'

let bench: AgentBench

beforeEach(async () => {
  bench = await AgentBench.start()
})
afterEach(() => bench.close())

test('while the server is away training goes on, and nothing is lost or doubled', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "{\\"step\\": $i, \\"val_loss\\": $i}" >>$SWEEP_METRICS; sleep 0.01; done',
    ),
  )
  await until(() => known.points.metrics.length > 3)
  bench.server.isAway = true
  await until(() => existsSync(join(bench.runFolder(known), 'exit')))
  expect(known.points.metrics.length).toBeLessThan(40)
  bench.server.isAway = false
  expect((await ended(known)).cause).toBe('succeeded')
  expect(known.points.metrics.map((point) => point.step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
})

test('points the server refuses are passed over, so that the end gets through and others do not wait', async () => {
  await bench.agent()
  bench.server.refuseReports = (report) =>
    report.batches.some((batch) => batch.points.some((point) => point.values['bad'] !== undefined)) ? 400 : undefined
  const bad = bench.server.enqueue(sh('echo "{\\"bad\\": 1}" >>$SWEEP_METRICS'))
  const good = bench.server.enqueue(sh('echo "{\\"val_loss\\": 1}" >>$SWEEP_METRICS'))
  expect((await ended(good)).cause).toBe('succeeded')
  expect((await ended(bad)).cause).toBe('succeeded')
  expect(good.points.metrics).toHaveLength(1)
  expect(bad.points.metrics).toHaveLength(0)
})

test('only the points that were refused are passed over', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh('echo "{\\"bad\\": 1}" >>$SWEEP_METRICS; until grep -q 2 $SWEEP_METRICS; do sleep 0.01; done'),
  )
  bench.server.refuseReports = (report) => {
    if (!report.batches.some((batch) => batch.points.some((point) => point.values['bad'] !== undefined)))
      return undefined
    appendFileSync(join(bench.runFolder(known), 'metrics.jsonl'), '{"val_loss": 2}\n')
    return 400
  }
  expect((await ended(known)).cause).toBe('succeeded')
  expect(known.points.metrics.map(({ values }) => values)).toEqual([{ val_loss: 2 }])
})

test.each([200, 302, 403, 408, 429])("an answer of %i that is not the server's own costs no point", async (status) => {
  await bench.agent()
  let left = 3
  bench.server.refuseReports = (report) => (report.batches.length > 0 && left-- > 0 ? status : undefined)
  const known = bench.server.enqueue(sh('echo "{\\"val_loss\\": 1}" >>$SWEEP_METRICS'))
  expect((await ended(known)).cause).toBe('succeeded')
  expect(left).toBeLessThan(0)
  expect(known.points.metrics).toHaveLength(1)
})

test('a server that breaks over a report a few times gets it again, and nothing is left out', async () => {
  await bench.agent()
  let left = 3
  bench.server.refuseReports = (report) => (report.batches.length > 0 && left-- > 0 ? 500 : undefined)
  const known = bench.server.enqueue(sh('echo "{\\"val_loss\\": 1}" >>$SWEEP_METRICS'))
  expect((await ended(known)).cause).toBe('succeeded')
  expect(left).toBeLessThan(0)
  expect(known.points.metrics).toHaveLength(1)
})

/** Reports the metric again and again until there is a file `go` in its folder. */
function talking(metric: string): string[] {
  return sh(`until [ -e $SWEEP_RUN_DIR/go ]; do echo '{"${metric}": 1}' >>$SWEEP_METRICS; sleep 0.01; done`)
}

function letGo(known: Known): void {
  appendFileSync(join(bench.runFolder(known), 'go'), '')
}

function isPoison(report: AttemptReport): boolean {
  return report.batches.some((batch) => batch.points.some((point) => point.values['poison'] !== undefined))
}

function expectAllPoints(known: Known): void {
  const written = readFileSync(join(bench.runFolder(known), 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  expect(known.points.metrics).toHaveLength(written.length)
}

test('attempts over whose reports the server always breaks hold up nobody else', async () => {
  const apart: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => apart.push(JSON.parse(line).attemptId) })
  await bench.agent({ slots: 5 }, { log })
  let together = 0
  bench.server.refuseReports = (report, count) => {
    if (!isPoison(report)) return undefined
    if (count > 1) together += 1
    return 500
  }
  const poisonous = [1, 2, 3].map(() => bench.server.enqueue(talking('poison')))
  const talks = bench.server.enqueue(talking('loss'))
  await until(() => apart.length === 3)
  expect(together).toBeGreaterThan(0)
  together = 0
  const others = Array.from({ length: 12 }, () => bench.server.enqueue(sh('echo "{\\"loss\\": 1}" >>$SWEEP_METRICS')))
  for (const known of others) expect((await ended(known)).cause).toBe('succeeded')
  letGo(talks)
  await ended(talks)
  expectAllPoints(talks)
  expect(together).toBe(0)
  expect(poisonous.map((known) => known.points.metrics.length)).toEqual([0, 0, 0])
  bench.server.refuseReports = undefined
  await until(() => poisonous.every((known) => known.points.metrics.length > 0))
  for (const known of poisonous) letGo(known)
  for (const known of poisonous) {
    expect((await ended(known)).cause).toBe('succeeded')
    expectAllPoints(known)
  }
})

test('a report over which the server has broken long enough while it took others is left out', async () => {
  // Waits come to nothing.
  await bench.agent({}, { random: () => -1 })
  bench.server.refuseReports = (report) => (isPoison(report) ? 500 : undefined)
  const other = bench.server.enqueue(talking('loss'))
  const poisonous = bench.server.enqueue(sh('echo "{\\"poison\\": 1}" >>$SWEEP_METRICS'))
  expect((await ended(poisonous)).cause).toBe('succeeded')
  expect(poisonous.points.metrics).toHaveLength(0)
  letGo(other)
  await ended(other)
  expectAllPoints(other)
})

test('while the server breaks over everything nothing is left out, and nobody else is sent by himself', async () => {
  const apart: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => apart.push(JSON.parse(line).attemptId) })
  await bench.agent({ slots: 3 }, { random: () => -1, log })
  bench.server.refuseReports = (report) => (isPoison(report) ? 500 : undefined)
  const poisonous = bench.server.enqueue(talking('poison'))
  const all = [poisonous, ...[1, 2].map(() => bench.server.enqueue(talking('loss')))]
  await until(() => apart.length > 0)
  let broken = 0
  bench.server.refuseReports = () => {
    broken += 1
    return 500
  }
  await until(() => broken > 400)
  // Not later: one that fails just before the server is well again, and the next not, may be taken for poison a while.
  expect(apart).toEqual([poisonous.assignment.attemptId])
  for (const known of all) letGo(known)
  bench.server.refuseReports = undefined
  for (const known of all) {
    await ended(known)
    expectAllPoints(known)
  }
})
