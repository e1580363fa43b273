import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ArtifactList, LogPage } from '@sweep/spec/wire/api'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { postgresOf, querySql } from '../support/postgres-of.ts'
import { DIST, ROOT, TestServer, waitFor } from '../support/server.ts'
import { finished, getSweep, getTrial, trialProcesses } from '../support/sweeps.ts'

const run = promisify(execFile)

let server: TestServer
let folder: string
const agents: TestAgent[] = []

beforeAll(async () => {
  // Also where there is one agent at a time.
  server = await TestServer.start({
    agent: false,
    env: { SWEEP_CHECKPOINTS: 'always', SWEEP_LEASE_MS: '10000', SWEEP_HEARTBEAT_MS: '1000' },
  })
})
afterAll(() => server.remove())
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.remove()
  await rm(folder, { recursive: true, force: true })
})

/** A folder as a user has it, with these files of the fixtures and a sweep. */
async function project(files: readonly string[], yaml: string): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'sweep-project-'))
  await mkdir(join(folder, 'code'))
  for (const file of files) await cp(join(ROOT, 'test', 'fixtures', file), join(folder, 'code', file))
  await writeFile(join(folder, 'code', 'sweep.yaml'), yaml)
}

async function sweepCommand(...words: string[]): Promise<string> {
  const env = { ...process.env, ...(await server.environment()), SWEEP_HOME: server.home }
  const { stdout } = await run(process.execPath, [join(DIST, 'sweep.js'), ...words], { env })
  return stdout.trim()
}

const create = (): Promise<string> => sweepCommand('create', join(folder, 'code', 'sweep.yaml'), '-o', 'name')

async function start(name: string, slots = 1): Promise<TestAgent> {
  const agent = await TestAgent.start(server, { name, slots })
  agents.push(agent)
  return agent
}

const LEAVES = `
method: grid
metric: {name: val_loss, goal: minimize}
parameters:
  x: {values: [1, 2, 3, 4, 5, 6]}
command: [python3, leaves-artifacts.py, "\${args}"]
`

async function logOf(id: string, trial: number): Promise<string> {
  return (await server.call<LogPage>('GET', `/sweeps/${id}/trials/${trial}/logs`)).text
}

test('two agents run a sweep whose folder is gone, and what its trials leave is fetched from the server', async () => {
  await project(['leaves-artifacts.py'], LEAVES)
  const id = await create()
  await rename(join(folder, 'code'), join(folder, 'moved'))
  const homes = (await Promise.all([start('one'), start('two')])).map((agent) => agent.home)
  expect(await finished(server, id)).toMatchObject({ trials: { completed: 6 } })

  const { code } = await getSweep(server, id)
  expect(code).toMatchObject({ kind: 'snapshot', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  const folders = new Set<string>()
  for (const number of [1, 2, 3, 4, 5, 6]) {
    const [attempt] = (await getTrial(server, id, number)).attemptList
    expect(attempt?.environment).toMatchObject({ code: { sha256: code.kind === 'snapshot' && code.sha256 } })
    folders.add(String(attempt?.environment['workdir']))
    expect(await logOf(id, number)).toContain(`in ${attempt?.environment['workdir']}\n`)
    const list = await server.call<ArtifactList>('GET', `/sweeps/${id}/trials/${number}/artifacts`)
    expect(list.artifacts).toMatchObject([{ path: `sub/result ä ${number}.txt`, attempt: 1 }])
  }
  for (const home of homes) expect([...folders].some((one) => one.startsWith(home))).toBe(true)
  for (const one of folders) expect(homes.some((home) => one.startsWith(home))).toBe(true)

  await sweepCommand('trial', 'artifacts', `${id}/2`, '--download', join(folder, 'got'))
  expect(await readFile(join(folder, 'got', 'sub', 'result ä 2.txt'), 'utf8')).toBe('x is 2.0\n')
  await expectConsistent(server, [id])
}, 120_000)

test('where the folder of the sweep is, trials run in it, unless the sweep asks for the snapshot', async () => {
  await project(['leaves-artifacts.py'], LEAVES)
  const agent = await start('here', 2)
  const inFolder = await create()
  await finished(server, inFolder)
  expect(await logOf(inFolder, 1)).toContain(`in ${join(folder, 'code')}\n`)

  await writeFile(join(folder, 'code', 'sweep.yaml'), `${LEAVES}code: snapshot\n`)
  const inSnapshot = await create()
  await finished(server, inSnapshot)
  expect(await logOf(inSnapshot, 1)).toContain(`in ${agent.home}`)
}, 120_000)

test('the commit of a git repository is run, whatever becomes of the branch', async () => {
  await project(['leaves-artifacts.py'], '')
  const code = join(folder, 'code')
  const git = (...args: string[]) => run('git', ['-C', code, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args])
  await mkdir(join(code, 'inner'))
  await rename(join(code, 'leaves-artifacts.py'), join(code, 'inner', 'leaves-artifacts.py'))
  await git('init', '-q', '-b', 'main')
  await git('add', 'inner')
  await git('commit', '-q', '-m', 'runs')
  await writeFile(
    join(folder, 'code', 'sweep.yaml'),
    `${LEAVES}code: {git: "file://${code}", ref: main, folder: inner}\n`,
  )
  const id = await create()
  await git('rm', '-q', '-r', 'inner')
  await git('commit', '-q', '-m', 'does not run')
  await start('git', 2)
  expect(await finished(server, id)).toMatchObject({ trials: { completed: 6 } })
}, 120_000)

test('code that can not be had ends the attempt with why', async () => {
  await project(['leaves-artifacts.py'], '')
  await writeFile(
    join(folder, 'code', 'sweep.yaml'),
    `${LEAVES}budget: {trials: 1}\ncode: {git: "file://${folder}/nothing", ref: ${'a'.repeat(40)}}\n`,
  )
  const id = await create()
  await start('none')
  await waitFor(async () => (await getTrial(server, id, 1)).attemptList[0]?.state === 'ended', 60_000)
  const [attempt] = (await getTrial(server, id, 1)).attemptList
  expect(attempt?.message).toContain("The code can't be had")
  await server.call('POST', `/sweeps/${id}/cancel`)
}, 120_000)

const SAVES = (log: string, ...more: string[]) => `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.5, max: 1.5}
command: [python3, slow-checkpoints.py, "\${args}", --log=${log}${more.map((word) => `, ${word}`).join('')}]
seed: 5
`

/** The steps that each trial did, in order. */
async function stepsIn(log: string): Promise<Map<number, number[]>> {
  const steps = new Map<number, number[]>()
  for (const line of (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((text) => text !== '')) {
    const [trial = 0, step = 0] = line.split(' ').map(Number)
    steps.set(trial, [...(steps.get(trial) ?? []), step])
  }
  return steps
}

/** The newest step of the first trial whose state the server has. */
async function stepsCopied(id: string): Promise<number> {
  const newest = 'select coalesce(max(step), 0)::int as step from checkpoints where sweep_id = $1'
  return (await querySql(await postgresOf(server), newest, [id])).rows[0].step
}

test('a paused trial goes on from its step on another agent, which has neither its folder nor its disk', async () => {
  await project(['slow-checkpoints.py'], '')
  const log = join(folder, 'steps')
  const early = 'early_terminate: {type: asha, mode: promote, max_resource: 9}\nbudget: {trials: 3}\n'
  const drained = join(folder, 'drained')
  await writeFile(join(folder, 'code', 'sweep.yaml'), `${SAVES(log, `--hold=${drained}`)}${early}`)
  const id = await create()
  await rename(join(folder, 'code'), join(folder, 'moved'))
  const first = await start('first')
  // The third trial is the one that decides which of them goes on: it is held until none can go on here.
  await waitFor(async () => {
    const { trials } = await getSweep(server, id)
    return trials.paused === 2 && trials.running === 1
  }, 60_000)
  const { agents: known } = await server.call<{ agents: { id: string; name: string }[] }>('GET', '/agents')
  await server.call('POST', `/agents/${known.find((agent) => agent.name === 'first')?.id}/drain`)
  await writeFile(drained, '')
  await waitFor(async () => (await getSweep(server, id)).trials.running === 0, 60_000)
  await first.stop()
  await rm(first.home, { recursive: true })
  await start('second')

  const sweep = await finished(server, id)
  expect(sweep).toMatchObject({ state: 'completed', trials: { completed: 1, pruned: 2, failed: 0 } })
  for (const done of (await stepsIn(log)).values()) expect(done).toEqual(done.map((_, index) => index + 1))
  const { attemptList, value } = await getTrial(server, id, sweep.best?.trial ?? 0)
  expect(attemptList[0]).toMatchObject({ cause: 'paused' })
  expect(new Set(attemptList.map((attempt) => attempt.agent)).size).toBe(2)
  expect(value).toBeCloseTo(Number(sweep.best?.config['x']) * 0.9 ** 9, 10)
  await expectConsistent(server, [id])
}, 180_000)

test.each(['preempted', 'lost'])(
  'a trial whose host is %s goes on elsewhere from the newest copy of its state',
  async (how) => {
    await project(['slow-checkpoints.py'], '')
    const log = join(folder, 'steps')
    await writeFile(join(folder, 'code', 'sweep.yaml'), `${SAVES(log)}budget: {trials: 1}\n`)
    const id = await create()
    await rename(join(folder, 'code'), join(folder, 'moved'))
    const first = await start(`first-${how}`)
    await waitFor(async () => (await stepsCopied(id)) >= 4, 60_000)
    const copied = await stepsCopied(id)
    if (how === 'preempted') {
      await first.stop()
    } else {
      await first.kill()
      for (const one of await trialProcesses(first.home)) process.kill(Number(one.split(' ')[0]), 'SIGKILL')
    }
    // Its reaper may just be writing how the program ended.
    await rm(first.home, { recursive: true, maxRetries: 5, retryDelay: 200 })
    await start(`second-${how}`)

    expect(await finished(server, id, 120_000)).toMatchObject({ trials: { completed: 1, failed: 0 } })
    const { attemptList, value } = await getTrial(server, id, 1)
    expect(attemptList.map((attempt) => attempt.cause)).toEqual([how, 'succeeded'])
    const steps = (await stepsIn(log)).get(1) ?? []
    // The last steps may not have been copied before the host went; what was is not done again.
    const again = steps.filter((step, index) => steps.indexOf(step) < index)
    if (how === 'preempted') expect(again).toEqual([])
    else for (const step of again) expect(step).toBeGreaterThan(copied)
    expect(new Set(steps)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]))
    expect(value).toBeCloseTo(Number((await getTrial(server, id, 1)).config['x']) * 0.9 ** 9, 10)
    await expectConsistent(server, [id])
  },
  180_000,
)
