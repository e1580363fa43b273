import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { canMount, SmallDisk, WITHOUT_MOUNT } from '../../../test/support/small-disk.ts'
import type { Known } from './fake-server.ts'
import { AgentBench } from './test-agent.ts'

const isMountable = canMount()
const it = test.skipIf(!isMountable)
const note = isMountable ? '' : ` (${WITHOUT_MOUNT})`

let bench: AgentBench
let disk: SmallDisk

beforeEach(async () => {
  bench = await AgentBench.start()
  if (isMountable) disk = SmallDisk.mount()
})
afterEach(async () => {
  await bench.close()
  if (isMountable) disk.unmount()
})

function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 15_000, interval: 5 })
}

function runFolder(known: Known): string {
  return join(disk.path, 'agents', 'tester', 'runs', known.assignment.attemptId)
}

/** Runs until it is told to go on by a file that needs no space of its own, then does `last`. */
function waiting(last: string): string[] {
  const point = 'echo "{\\"step\\": 1, \\"val_loss\\": 0.5}" >>$SWEEP_METRICS'
  return ['sh', '-c', `${point}; while [ ! -e $SWEEP_RUN_DIR/go ]; do sleep 0.02; done; ${last}`]
}

function goOn(known: Known): void {
  appendFileSync(join(runFolder(known), 'go'), '')
}

it(`a program that can write no more ends by a fault of its host, what it wrote before is kept, and work goes on once there is room${note}`, async () => {
  await bench.agent({ home: disk.path })
  const known = bench.server.enqueue(waiting('head -c 100000 /dev/zero >$SWEEP_RUN_DIR/model || exit 1'))
  await until(() => known.points.metrics.length === 1)
  disk.fill()
  const next = bench.server.enqueue(['true'])
  const whole = bench.server.enqueue(['true'])
  goOn(known)
  await until(() => known.ended)
  expect(known.ended).toMatchObject({ cause: 'node-fault', exitCode: 1 })
  expect(known.ended?.message).toMatch(/^The program ended with 1 while the disk of .* is full .* Free some disk space/)
  expect(known.points.metrics.map((point) => point.step)).toEqual([1])
  const { length } = bench.server.heartbeats
  await until(() => bench.server.heartbeats.length > length + 2)
  expect(bench.server.heartbeats.at(-1)?.room.blocked).toMatch(/the disk of .* is full \(.* left\)/)
  // What it had asked for before came too late, and went back without harm to the trial.
  for (const { agentId, ended, started } of [next, whole]) {
    expect(started).toBeUndefined()
    if (agentId !== undefined) expect(ended).toMatchObject({ cause: 'withdrawn' })
  }
  const late = bench.server.enqueue(['true'])
  disk.empty()
  await until(() => late.ended)
  expect(late.ended).toMatchObject({ cause: 'succeeded' })
  await until(() => bench.server.heartbeats.at(-1)?.room.blocked === undefined)
})

it(`half a line that a full disk has cut off is no number${note}`, async () => {
  await bench.agent({ home: disk.path })
  const known = bench.server.enqueue([
    'sh',
    '-c',
    'echo step=1 val_loss=0.5; while [ ! -e $SWEEP_RUN_DIR/go ]; do sleep 0.02; done; printf "step=2 val_loss=0.1"',
  ])
  await until(() => known.points.output.length === 1)
  disk.fill()
  goOn(known)
  await until(() => known.ended)
  expect(known.points.output.map((point) => point.step)).toEqual([1])
})

it(`a program that can't be told to stop by its folder gets SIGTERM at once${note}`, async () => {
  await bench.agent({ home: disk.path })
  const known = bench.server.enqueue(waiting('exit 0'), { graceMs: 30_000 })
  await until(() => known.points.metrics.length === 1)
  disk.fill()
  bench.server.stop(known, 'pruned')
  await until(() => known.ended)
  expect(known.ended).toMatchObject({ cause: 'pruned', signal: 'SIGTERM' })
})

it(`an agent that can't write down who it is takes nothing until it can${note}`, async () => {
  // One page for its lock, none for the rest.
  disk.fill(1)
  const agent = await bench.agent({ home: disk.path })
  const known = bench.server.enqueue(['true'])
  await agent.ready
  await until(() => bench.server.heartbeats.length > 3)
  expect(bench.server.heartbeats.at(-1)?.room.blocked).toBeDefined()
  expect(known.agentId).toBeUndefined()
  disk.empty()
  await until(() => known.ended)
  expect(existsSync(join(agent.home, 'agent.json'))).toBe(true)
  expect(bench.server.registrations).toHaveLength(1)
})
