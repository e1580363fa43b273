import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createClient } from '@sweep/client/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DIST, ROOT, TestServer, waitFor } from '../support/server.ts'
import { canMount, SmallDisk, WITHOUT_MOUNT } from '../support/small-disk.ts'
import { createSweep, finished } from '../support/sweeps.ts'

const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0
if (!HAS_PYTHON && process.env['SWEEP_REQUIRE_ALL'] === '1') {
  throw new Error('python3 is missing: apt-get install python3')
}

const isMountable = canMount()

let server: TestServer
let folder: string
let tracking: ReturnType<typeof createClient>['tracking']
const children: ChildProcess[] = []

beforeAll(async () => {
  server = await TestServer.start({ slots: 2 })
  folder = await mkdtemp(join(tmpdir(), 'sweep-trackers-'))
  tracking = createClient({ url: server.url, token: await server.token() }).tracking
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await server.remove()
  await rm(folder, { recursive: true, force: true })
})

interface Program {
  readonly child: ChildProcess
  /** What it printed first. */
  readonly runId: string
  output(): string
  readonly ended: Promise<number | null>
}

/** Starts a program that prints the id of its run, and then the steps it has logged. */
async function start(command: string, args: readonly string[], spool: string): Promise<Program> {
  const python = { PYTHONPATH: join(DIST, 'python'), PYTHONDONTWRITEBYTECODE: '1' }
  // A server that is started again on a busy machine may take longer than a program waits for it.
  const own = { ...(await server.environment()), ...python, SWEEP_SPOOL: spool, SWEEP_EXIT_WAIT: '60' }
  const child = spawn(command, args, { env: own, cwd: folder })
  children.push(child)
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  child.stderr?.on('data', (chunk) => (text += chunk))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await waitFor(() => text.includes('\n') || child.exitCode !== null)
  return { child, runId: text.split('\n')[0] ?? '', output: () => text, ended }
}

const python = (steps: number, pause: number) => `
import sweep, time
run = sweep.start_run(params={"a": {"b": 1}}, capture=False)
print(run.id, flush=True)
for step in range(${steps}):
    run.log_metrics({"a": step}, step)
    print(step, flush=True)
    time.sleep(${pause})
`
const node = (steps: number, pause: number) => `
import { startRun } from ${JSON.stringify(pathToFileURL(join(DIST, 'tracker.js')))}
const run = await startRun({ params: { a: { b: 1 } }, capture: false })
console.log(run.id)
for (let step = 0; step < ${steps}; step += 1) {
  run.logMetrics({ a: step }, step)
  console.log(step)
  await new Promise((resolve) => setTimeout(resolve, ${pause} * 1000))
}
`

async function program(language: string, steps: number, pause: number, spool: string): Promise<Program> {
  if (language === 'python') return start('python3', ['-c', python(steps, pause)], spool)
  const file = join(folder, `${steps}-${pause}.mjs`)
  await writeFile(file, node(steps, pause))
  return start(process.execPath, [file], spool)
}

async function stepsOf(runId: string): Promise<number[]> {
  return (await tracking.metricHistory(runId, 'a')).steps as number[]
}

const upTo = (count: number) => Array.from({ length: count }, (_, step) => step)

describe.skipIf(!HAS_PYTHON)('trackers (skipped without Python 3: apt-get install python3)', () => {
  test.each(['python', 'node'])(
    '%s: the server is killed and started again, and nothing is lost or doubled',
    async (language) => {
      const spool = join(folder, `outage-${language}`)
      const run = await program(language, 1000, 0.003, spool)
      for (const share of [200, 600]) {
        await waitFor(() => run.output().includes(`\n${share}\n`))
        await server.kill()
        await server.start()
      }
      expect([await run.ended, run.output().split('\n').at(-2)]).toEqual([0, '999'])
      expect(await stepsOf(run.runId)).toEqual(upTo(1000))
      expect(await tracking.getRun(run.runId)).toMatchObject({ status: 'completed', params: { 'a.b': 1 } })
      expect(await readdir(spool)).toEqual([])
    },
  )

  test.skipIf(!isMountable).each(['python', 'node'])(
    `%s: a disk that fills up holds up nothing, and costs nothing${isMountable ? '' : ` (${WITHOUT_MOUNT})`}`,
    async (language) => {
      const disk = SmallDisk.mount()
      try {
        const run = await program(language, 1000, 0.002, disk.path)
        await waitFor(() => run.output().includes('\n100\n'))
        disk.fill()
        await waitFor(() => run.output().includes('\n800\n'))
        disk.empty()
        expect(await run.ended).toBe(0)
        expect(await stepsOf(run.runId)).toEqual(upTo(1000))
        expect(await readdir(disk.path)).toEqual([])
      } finally {
        disk.unmount()
      }
    },
  )

  test.each([
    ['python', 'node'],
    ['node', 'python'],
  ])('what %s left when it was killed is sent by %s', async (killed, sender) => {
    const spool = join(folder, `killed-${killed}`)
    const run = await program(killed, 100_000, 0.002, spool)
    await waitFor(() => run.output().includes('\n300\n'))
    run.child.kill('SIGKILL')
    await run.ended
    expect(await readdir(spool)).toHaveLength(1)
    if (sender === 'python') {
      const sync = await start('python3', ['-m', 'sweep_tracking', 'sync', spool], spool)
      expect([await sync.ended, sync.output()]).toEqual([0, `run ${run.runId}: sent to ${server.url}\n`])
    } else {
      const next = await program('node', 1, 0, spool)
      await next.ended
      await waitFor(async () => (await readdir(spool)).length === 0)
    }
    const steps = await stepsOf(run.runId)
    const last = Number(run.output().trimEnd().split('\n').at(-1))
    expect(steps).toEqual(upTo(steps.length))
    expect(steps.length).toBeGreaterThanOrEqual(last)
    expect(await tracking.getRun(run.runId)).toMatchObject({ status: 'running' })
  })

  test('a trial logs to its own run: metrics by its agent, all else beside it', async () => {
    const source = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.5, max: 1.0}
command: [python3, ${join(ROOT, 'test', 'fixtures', 'tracked.py')}]
budget: {trials: 1}
`
    const id = await createSweep(server, source, folder)
    expect(await finished(server, id)).toMatchObject({ trials: { completed: 1 } })
    const run = await tracking.getRun(`${id}-1`)
    expect(run).toMatchObject({ status: 'completed', tags: { by: 'python' }, params: { 'resolved.depth': 3 } })
    expect(run.params['x']).toBeGreaterThanOrEqual(0.5)
    expect(run.environment).toHaveProperty('packages')
    expect(run.metricNames).toEqual(expect.arrayContaining(['eval/f1', 'val_loss']))
    const files = (await tracking.listRunArtifacts(run.id)).artifacts
    expect(files).toMatchObject([{ path: 'out.txt', version: 1, type: 'result', aliases: ['best', 'latest'] }])
  })
})
