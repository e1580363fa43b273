import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LiveJournal } from './home/live-journal.ts'
import { AgentBench, ended, isLiving, sh, until } from './test-agent.ts'

let bench: AgentBench

beforeEach(async () => {
  bench = await AgentBench.start()
})
afterEach(() => bench.close())

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
    runDir: bench.runFolder(known),
    environment: { hostname: expect.any(String), cpus: expect.any(Number), workdir: '/tmp' },
  })
  await until(() => new LiveJournal(join(agent.home, 'live.jsonl')).read().length === 0)
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
  const output = readFileSync(join(bench.runFolder(known), 'output.log'), 'utf8')
  for (const line of [
    `SWEEP_RUN_DIR=${bench.runFolder(known)}`,
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
    appendFileSync(join(bench.runFolder(known), 'metrics.jsonl'), `{"step": ${step}, "val_loss": 1}\n`)
    await until(() => known.points.metrics.length > count)
    delays.push((known.reportedAt.at(-1) ?? 0) - began)
  }
  delays.sort((a, b) => a - b)
  // Measured: a median of 1 to 2 ms; the bound leaves room for a busy machine.
  expect(delays[10]).toBeLessThan(50)
  appendFileSync(join(bench.runFolder(known), 'end'), '')
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
  expect(JSON.parse(readFileSync(join(bench.runFolder(known), 'control.json'), 'utf8'))).toEqual({
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
  const child = join(bench.runFolder(known), 'child')
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
  expect((await ended(known)).checkpoint).toEqual({ step: 10, path: join(bench.runFolder(known), 'checkpoints', '10') })
})

test('a checkpoint is handed to a program where it can be read, and elsewhere it starts anew', async () => {
  await bench.agent()
  const before = bench.server.enqueue(['true'])
  await ended(before)
  const folder = join(bench.runFolder(before), 'checkpoints', '3')
  mkdirSync(folder, { recursive: true })
  const restored = async (restore: string) => {
    const known = bench.server.enqueue(sh('echo "[$SWEEP_RESTORE]"'), { restore })
    await ended(known)
    return readFileSync(join(bench.runFolder(known), 'output.log'), 'utf8').trim()
  }
  expect(await restored(folder)).toBe('[]')
  writeFileSync(join(folder, 'complete'), '')
  expect(await restored(folder)).toBe(`[${folder}]`)
  expect(await restored('/nowhere/checkpoints/3')).toBe('[]')
})
