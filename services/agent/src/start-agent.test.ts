import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { startTimeOf } from '@sweep/launchers/process/process-identity'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Known } from './fake-server.ts'
import { AgentBench } from './test-agent.ts'

let bench: AgentBench

beforeEach(async () => {
  bench = await AgentBench.start()
})
afterEach(() => bench.close())

function sh(script: string): string[] {
  return ['sh', '-c', script]
}

function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 15_000, interval: 5 })
}

async function ended(known: Known) {
  await until(() => known.ended)
  if (known.ended === undefined) throw new Error('unreachable')
  return known.ended
}

function isLiving(pid: number): boolean {
  return startTimeOf(pid) !== null
}

function runFolder(known: Known): string {
  return join(bench.home, 'agents', 'tester', 'runs', known.assignment.attemptId)
}

test('an attempt runs, reports and ends, and its start comes with its end when it is short', async () => {
  const agent = await bench.agent()
  const known = bench.server.enqueue(sh('echo \'{"step": 1, "val_loss": 0.5}\' >>$SWEEP_METRICS; echo hello'))
  const end = await ended(known)
  expect(end).toMatchObject({ cause: 'succeeded', exitCode: 0, signal: null })
  expect(known.points.metrics).toEqual([{ step: 1, at: expect.any(Number), values: { val_loss: 0.5 } }])
  expect(known.points.output).toEqual([])
  expect(known.log).toBe('hello\n')
  expect(known.started).toMatchObject({
    argv: ['sh', '-c', expect.any(String)],
    runDir: runFolder(known),
    environment: { hostname: expect.any(String), cpus: expect.any(Number), workdir: '/tmp' },
  })
  await until(() => readdirSync(join(agent.home, 'live')).length === 0)
})

test('an unmodified program is understood by what it prints', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh('echo epoch=1 val_loss=0.5; echo "epoch 2: val_loss: nan"; printf "step=3 val_loss=0.25"'),
  )
  await ended(known)
  expect(known.points.output.map(({ step, values }) => [step, values])).toEqual([
    [1, { val_loss: 0.5 }],
    [2, { val_loss: Number.NaN }],
    [3, { val_loss: 0.25 }],
  ])
})

test('a program that prints what it reports is not counted twice', async () => {
  await bench.agent()
  const loop =
    'for i in 1 2 3; do echo "step=$i val_loss=0.$i"; echo "{\\"step\\": $i, \\"val_loss\\": 0.$i}" >>$SWEEP_METRICS; sleep 0.03; done'
  const known = bench.server.enqueue(sh(loop))
  await ended(known)
  expect(known.points.metrics.map((point) => point.step)).toEqual([1, 2, 3])
  expect(known.points.output).toEqual([])
})

test('the program finds its run folder, parameters, seed, token and nothing of ours in its environment', async () => {
  await bench.agent({
    env: {
      PATH: process.env['PATH'],
      SWEEP_TOKEN: 'swp_user_secret',
      DATABASE_URL: 'postgres://',
      AWS_SECRET: 'x',
      MINE: '1',
    },
    passEnv: ['MINE'],
  })
  const known = bench.server.enqueue(sh('env; echo; cat $SWEEP_PARAMS; cat $SWEEP_RUN_DIR/control.json'), {
    env: { WANDB_MODE: 'offline' },
    config: { lr: 0.1, 'opt.name': 'adam' },
  })
  await ended(known)
  const output = readFileSync(join(runFolder(known), 'output.log'), 'utf8')
  for (const line of [
    `SWEEP_RUN_DIR=${runFolder(known)}`,
    'SWEEP_SEED=7',
    `SWEEP_ATTEMPT=${known.assignment.attemptId}`,
    `SWEEP_TOKEN=${known.assignment.token}`,
    'PARAM_lr=0.1',
    'PARAM_opt_name=adam',
    'WANDB_MODE=offline',
    'PYTHONUNBUFFERED=1',
    'MINE=1',
  ]) {
    expect(output).toContain(`${line}\n`)
  }
  expect(output).toMatch(/^PYTHONPATH=.*packages\/python\/?$/m)
  expect(output).not.toMatch(/swp_user_secret|DATABASE_URL|AWS_SECRET/)
  expect(output).toContain('"lr": 0.1')
  expect(output).toContain('{"stop":null,"save":false}')
})

test('macros of the command are filled in', async () => {
  await bench.agent()
  const known = bench.server.enqueue(['echo', '${args}', 'lr is {lr}'])
  await ended(known)
  expect(known.log).toBe('--lr=0.1 lr is 0.1\n')
  expect(known.started?.argv).toEqual(['echo', '--lr=0.1', 'lr is 0.1'])
})

test.each([
  ['no-such-program-here', 'bad-command', 'no-such-program-here'],
  ['/tmp', 'bad-command', 'is a folder'],
])('a program that cannot be started (%s) ends the attempt, and the agent goes on', async (program, cause, says) => {
  await bench.agent()
  const known = bench.server.enqueue([program])
  expect(await ended(known)).toMatchObject({ cause, message: expect.stringContaining(says), exitCode: null })
  expect(await ended(bench.server.enqueue(['true']))).toMatchObject({ cause: 'succeeded' })
})

test('a failing program is told by its exit code and last words', async () => {
  await bench.agent()
  const known = bench.server.enqueue(sh('echo fine; echo "ValueError: no good" >&2; exit 3'))
  expect(await ended(known)).toMatchObject({
    cause: 'user-error',
    exitCode: 3,
    message: expect.stringContaining('ValueError: no good'),
  })
  const crashed = bench.server.enqueue(sh('kill -SEGV $$'))
  expect(await ended(crashed)).toMatchObject({ cause: 'user-error', exitCode: null, signal: 'SIGSEGV' })
})

test('a failing program that says that a disk was full failed by its host', async () => {
  await bench.agent()
  const known = bench.server.enqueue(sh('echo "OSError: [Errno 28] No space left on device" >&2; exit 1'))
  expect(await ended(known)).toMatchObject({
    cause: 'node-fault',
    exitCode: 1,
    message: expect.stringContaining('Free some disk space on this host.'),
  })
})

test('a line is with the server within milliseconds', async () => {
  await bench.agent()
  const known = bench.server.enqueue(sh('while [ ! -e $SWEEP_RUN_DIR/end ]; do sleep 0.02; done'))
  await until(() => known.started)
  const delays: number[] = []
  for (let step = 1; step <= 20; step += 1) {
    const count = known.points.metrics.length
    const began = performance.now()
    appendFileSync(join(runFolder(known), 'metrics.jsonl'), `{"step": ${step}, "val_loss": 1}\n`)
    await until(() => known.points.metrics.length > count)
    delays.push((known.reportedAt.at(-1) ?? 0) - began)
  }
  delays.sort((a, b) => a - b)
  // Measured: a median of 1 to 2 ms; the bound leaves room for a busy machine.
  expect(delays[10]).toBeLessThan(50)
  appendFileSync(join(runFolder(known), 'end'), '')
  await ended(known)
})

test('a stop is pushed, written to control.json, and followed by SIGTERM for a program that reports by printing', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh('trap "echo caught; exit 9" TERM; echo step=1 val_loss=3; while :; do sleep 0.02; done'),
  )
  await until(() => known.points.output.length === 1)
  const began = performance.now()
  bench.server.stop(known, 'pruned')
  const end = await ended(known)
  expect(end).toMatchObject({ cause: 'pruned', message: 'test says pruned', exitCode: 9 })
  expect(performance.now() - began).toBeLessThan(2000)
  expect(JSON.parse(readFileSync(join(runFolder(known), 'control.json'), 'utf8'))).toEqual({
    stop: 'pruned',
    save: false,
    reason: 'test says pruned',
  })
})

test('a program that writes metrics.jsonl may end by itself on control.json', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'trap "exit 44" TERM; echo "{\\"val_loss\\": 1}" >>$SWEEP_METRICS; until grep -q pruned $SWEEP_RUN_DIR/control.json; do sleep 0.02; done; exit 0',
    ),
    { graceMs: 30_000 },
  )
  await until(() => known.points.metrics.length === 1)
  bench.server.stop(known, 'pruned')
  expect(await ended(known)).toMatchObject({ cause: 'pruned', exitCode: 0 })
})

test('a stop that was not pushed comes with the heartbeat', async () => {
  await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'])
  await until(() => known.started)
  bench.server.stop(known, 'cancelled', true)
  expect(await ended(known)).toMatchObject({ cause: 'cancelled', signal: 'SIGTERM' })
})

test('a program that ignores SIGTERM is killed after its grace, its grandchildren too', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'trap "" TERM; setsid sh -c \'trap "" TERM; echo $$ >"$SWEEP_RUN_DIR/child"; while :; do sleep 0.05; done\' & while :; do sleep 0.05; done',
    ),
    { graceMs: 300 },
  )
  const child = join(runFolder(known), 'child')
  await until(() => existsSync(child) && readFileSync(child, 'utf8').endsWith('\n'))
  bench.server.stop(known, 'stopped')
  expect(await ended(known)).toMatchObject({ cause: 'stopped', signal: 'SIGKILL' })
  expect(isLiving(Number(readFileSync(child, 'utf8')))).toBe(false)
})

test('an attempt that runs too long ends by timeout', async () => {
  await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'], { timeoutMs: 150 })
  expect(await ended(known)).toMatchObject({ cause: 'timeout', message: expect.stringContaining('150 ms') })
})

test('100 MB of output are taken within bounded memory, and the first and last of it are shipped', async () => {
  await bench.agent()
  const before = process.memoryUsage().rss
  const known = bench.server.enqueue(
    sh('echo first line; head -c 100000000 /dev/zero | tr "\\0" "x" | fold -w 99; echo; echo step=5 val_loss=0.5'),
  )
  const end = await ended(known)
  expect(end.cause).toBe('succeeded')
  expect(known.points.output.map(({ step, values }) => [step, values])).toEqual([[5, { val_loss: 0.5 }]])
  expect(known.log.startsWith('first line\n')).toBe(true)
  expect(known.log.endsWith('step=5 val_loss=0.5\n')).toBe(true)
  expect(known.log.length).toBeLessThan(3_000_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(150e6)
})

test('half a line, bad lines and lines out of order do no harm', async () => {
  await bench.agent()
  const lines = [
    '{"step": 2, "val_loss": 1}',
    'nonsense',
    '{"step": 1, "val_loss": 2}',
    '{"step": 1, "val_loss": 3}',
    '{"step": 4, "val_lo',
  ]
  const known = bench.server.enqueue(sh(`printf '%s' '${lines.join('\n')}' >>$SWEEP_METRICS`))
  expect((await ended(known)).cause).toBe('succeeded')
  expect(known.points.metrics.map((point) => point.step)).toEqual([2, 1, 1])
})

test('a program that reports nothing ends as succeeded here; what that means is for the server to say', async () => {
  await bench.agent()
  expect(await ended(bench.server.enqueue(['true']))).toMatchObject({ cause: 'succeeded' })
})

test('the newest complete checkpoint is told at the end', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'cd $SWEEP_RUN_DIR; mkdir -p checkpoints/2 checkpoints/10 checkpoints/30 checkpoints/x; touch checkpoints/2/complete checkpoints/10/complete',
    ),
  )
  expect((await ended(known)).checkpoint).toEqual({ step: 10, path: join(runFolder(known), 'checkpoints', '10') })
})

test('while the server is away training goes on, and nothing is lost or doubled', async () => {
  await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "{\\"step\\": $i, \\"val_loss\\": $i}" >>$SWEEP_METRICS; sleep 0.01; done',
    ),
  )
  await until(() => known.points.metrics.length > 3)
  bench.server.isAway = true
  await until(() => existsSync(join(runFolder(known), 'exit')))
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
    appendFileSync(join(runFolder(known), 'metrics.jsonl'), '{"val_loss": 2}\n')
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

test('a checkpoint is handed to a program where it can be read, and elsewhere it starts anew', async () => {
  await bench.agent()
  const before = bench.server.enqueue(['true'])
  await ended(before)
  const folder = join(runFolder(before), 'checkpoints', '3')
  mkdirSync(folder, { recursive: true })
  const restored = async (restore: string) => {
    const known = bench.server.enqueue(sh('echo "[$SWEEP_RESTORE]"'), { restore })
    await ended(known)
    return readFileSync(join(runFolder(known), 'output.log'), 'utf8').trim()
  }
  expect(await restored(folder)).toBe('[]')
  writeFileSync(join(folder, 'complete'), '')
  expect(await restored(folder)).toBe(`[${folder}]`)
  expect(await restored('/nowhere/checkpoints/3')).toBe('[]')
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
  appendFileSync(join(runFolder(known), 'go'), '')
}

function isPoison(report: AttemptReport): boolean {
  return report.batches.some((batch) => batch.points.some((point) => point.values['poison'] !== undefined))
}

function expectAllPoints(known: Known): void {
  const written = readFileSync(join(runFolder(known), 'metrics.jsonl'), 'utf8')
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

test('a fenced attempt is killed and not heard of again', async () => {
  await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'])
  await until(() => known.started)
  known.isFenced = true
  const pid = known.started?.pid ?? 0
  await until(() => !isLiving(pid))
  await until(() => bench.server.heartbeats.at(-1)?.attempts.length === 0)
  expect(known.ended).toBeUndefined()
})

test('no more runs at once than there are slots, and GPUs are bound to them', async () => {
  await bench.agent(
    { slots: undefined },
    {
      queryGpus: async () => [
        ['0', 'GPU-a', 'Test', '1000'],
        ['1', 'GPU-b', 'Test', '1000'],
      ],
    },
  )
  const both = [1, 2].map(() => bench.server.enqueue(sh('echo "gpu is $CUDA_VISIBLE_DEVICES"; sleep 0.2')))
  const hidden = bench.server.enqueue(sh('echo "gpu is <$CUDA_VISIBLE_DEVICES>"'), { shape: { gpus: 0 } })
  const wide = bench.server.enqueue(sh('echo "gpu is $CUDA_VISIBLE_DEVICES"'), { shape: { gpus: 2 } })
  for (const known of [...both, hidden, wide]) await ended(known)
  expect(both.map((known) => known.log).sort()).toEqual(['gpu is 0\n', 'gpu is 1\n'])
  expect(hidden.log).toBe('gpu is <>\n')
  expect(wide.log).toBe('gpu is 0,1\n')
  expect(bench.server.registrations[0]?.slots).toEqual([
    { index: 0, gpu: { index: 0, uuid: 'GPU-a', name: 'Test', memoryBytes: 1000 * 1024 * 1024 } },
    { index: 1, gpu: { index: 1, uuid: 'GPU-b', name: 'Test', memoryBytes: 1000 * 1024 * 1024 } },
  ])
})

test('the next attempt comes with the answer to the report that frees its slot, and never before', async () => {
  await bench.agent()
  const all = Array.from({ length: 12 }, () => bench.server.enqueue(['true']))
  for (const known of all) await ended(known)
  expect(all.map((known) => known.ended?.cause)).toEqual(all.map(() => 'succeeded'))
  expect(bench.server.mostOpen).toBe(2)
  // All but the first two; one may come by a claim of its own when the other slot was quicker.
  expect(bench.server.ridden.size).toBeGreaterThan(6)
})

test('the slot of an attempt whose end the server has not taken is not offered', async () => {
  await bench.agent({ slots: 1 })
  const first = bench.server.enqueue(['true'])
  await until(() => first.agentId)
  bench.server.isAway = true
  const second = bench.server.enqueue(['true'])
  await until(() => existsSync(join(runFolder(first), 'exit')))
  bench.server.isAway = false
  await ended(second)
  expect(first.ended?.cause).toBe('succeeded')
  expect(bench.server.mostOpen).toBe(1)
})

test('what comes with a report while the agent drains is given back', async () => {
  const agent = await bench.agent({ slots: 1 })
  const first = bench.server.enqueue(sh('sleep 0.3'))
  await until(() => first.started)
  const second = bench.server.enqueue(['true'])
  bench.server.holdReports = true
  await until(() => bench.server.heldReports > 0)
  const drained = agent.drain()
  bench.server.releaseReports()
  await drained
  expect(first.ended?.cause).toBe('succeeded')
  expect(second.ended?.cause).toBe('withdrawn')
  expect(second.started).toBeUndefined()
})

test('stopping the agent preempts what runs, reports it, and claims no more', async () => {
  const agent = await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'])
  await until(() => known.started)
  await agent.stop()
  expect(known.ended).toMatchObject({ cause: 'preempted', signal: 'SIGTERM' })
  const late = bench.server.enqueue(['true'])
  await agent.done
  expect(late.agentId).toBeUndefined()
  expect(existsSync(join(agent.home, 'lock'))).toBe(false)
})

test('draining lets what runs finish', async () => {
  const agent = await bench.agent()
  const known = bench.server.enqueue(sh('sleep 0.3; exit 0'))
  await until(() => known.started)
  bench.server.push({ type: 'drain' })
  await agent.done
  expect(known.ended).toMatchObject({ cause: 'succeeded' })
})

test('an agent that comes back goes by its old id and takes over what still runs', async () => {
  const first = await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'i=0; while [ ! -e $SWEEP_RUN_DIR/end ]; do i=$((i+1)); echo "{\\"step\\": $i, \\"val_loss\\": 1}" >>$SWEEP_METRICS; sleep 0.02; done; exit 5',
    ),
  )
  await until(() => known.points.metrics.length > 2)
  const id = await first.ready
  await first.leave()
  const count = known.points.metrics.length
  const second = await bench.agent()
  expect(await second.ready).toBe(id)
  await until(() => known.points.metrics.length > count + 2)
  appendFileSync(join(runFolder(known), 'end'), '')
  expect(await ended(known)).toMatchObject({ cause: 'user-error', exitCode: 5 })
  const steps = known.points.metrics.map((point) => point.step)
  expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1))
})

test('an agent that comes back reports what ended meanwhile, with its exit code, and kills what is no longer its own', async () => {
  const first = await bench.agent()
  const finishes = bench.server.enqueue(sh('sleep 0.2; echo "{\\"val_loss\\": 7}" >>$SWEEP_METRICS; exit 0'))
  const lost = bench.server.enqueue(['sleep', '300'])
  await until(() => finishes.started && lost.started)
  await first.leave()
  await until(() => existsSync(join(runFolder(finishes), 'exit')))
  lost.isFenced = true
  await bench.agent()
  expect(await ended(finishes)).toMatchObject({ cause: 'succeeded', exitCode: 0 })
  expect(finishes.points.metrics).toHaveLength(1)
  await until(() => !isLiving(lost.started?.pid ?? 0))
})

test('a second agent on the same host gets a name and a home of its own', async () => {
  const [first, second] = [await bench.agent(), await bench.agent()]
  expect([first.name, second.name]).toEqual(['tester', 'tester-2'])
  expect(await first.ready).not.toBe(await second.ready)
})

test('a wrong token ends the agent with a clear error', async () => {
  const agent = await bench.agent({ token: 'swp_user_wrong' })
  await expect(agent.ready).rejects.toMatchObject({ code: 'unauthenticated' })
  await agent.done
})

test('a server that is not there yet is waited for', async () => {
  bench.server.isAway = true
  const agent = await bench.agent()
  await until(() => bench.server.requests.length > 1)
  bench.server.isAway = false
  expect(await agent.ready).toMatch(/^agent/)
})

test('a folder that cannot be written to costs the attempt its host, not the agent its life', async () => {
  const agent = await bench.agent()
  await agent.ready
  const runs = join(agent.home, 'runs')
  renameSync(runs, `${runs}.away`)
  const known = bench.server.enqueue(['true'])
  expect(await ended(known)).toMatchObject({
    cause: 'node-fault',
    message: expect.stringContaining('Free some disk space'),
  })
  renameSync(`${runs}.away`, runs)
  expect(await ended(bench.server.enqueue(['true']))).toMatchObject({ cause: 'succeeded' })
})

test('its token is kept from others', async () => {
  const agent = await bench.agent()
  await agent.ready
  expect(statSync(join(agent.home, 'agent.json')).mode & 0o777).toBe(0o600)
})
