import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DIST, TestServer } from '../support/server.ts'
import { finished } from '../support/sweeps.ts'

const run = promisify(execFile)

let server: TestServer
let folder: string
let project: string

beforeAll(async () => {
  server = await TestServer.start({ slots: 2 })
})
afterAll(async () => {
  await server.remove()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-repro-'))
  project = join(folder, 'project')
  await run('mkdir', [project])
  return () => rm(folder, { recursive: true, force: true })
})

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function sweep(...args: readonly string[]): Promise<Ran> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], SWEEP_HOME: server.home }
  const all = [join(DIST, 'sweep.js'), ...args]
  return run(process.execPath, all, { cwd: folder, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
}

/** Seeded by what it is given, and by the clock where it is told to. */
const PROGRAM = `
import os, random, sys, time
import sweep
p = sweep.params(lr=0.1, steps=6, noisy=0)
rng = random.Random(time.time_ns() if p.noisy else sweep.info.seed)
import helper
for step in range(1, p.steps + 1):
    sweep.report(step, loss=p.lr + helper.scale(rng.random()) / step, aside=rng.gauss(0, 1))
print("secret", os.environ.get("SWEEP_TOKEN"), os.environ.get("SWEEP_URL"))
`

async function createSweep(noisy: boolean, more = ''): Promise<string> {
  await writeFile(join(project, 'train.py'), PROGRAM)
  await writeFile(join(project, 'helper.py'), 'def scale(x):\n    return x\n')
  const yaml = `method: random
metric: {name: loss, goal: minimize}
seed: 5
budget: {trials: 3}
parameters:
  lr: {min: 0.0, max: 1.0}
  steps: {value: 6}
  noisy: {value: ${noisy ? 1 : 0}}
program: train.py
${more}`
  await writeFile(join(project, 'sweep.yaml'), yaml)
  const created = await sweep('create', join(project, 'sweep.yaml'), '-o', 'name')
  const id = created.stdout.trim()
  expect(await finished(server, id)).toMatchObject({ trials: { completed: 3 } })
  return id
}

test('a deterministic program comes out the same to the last bit from its snapshot, though its folder is gone', async () => {
  const id = await createSweep(false)
  await rename(project, join(folder, 'moved'))
  const repro = await sweep('trial', 'repro', `${id}/2`, '--json')
  expect(repro.stderr).toContain('loss is the same to the last bit at all 6 steps')
  expect(repro.code).toBe(0)
  const result = JSON.parse(repro.stdout)
  expect(result).toMatchObject({
    trial: `${id}/2`,
    code: expect.stringMatching(/^snapshot [0-9a-f]{12}$/),
    folder: join(folder, `repro-${id}-2`, 'code'),
    environment: [],
    exit: { code: 0, stopped: false },
    metrics: [
      { name: 'loss', steps: 6, identical: 6, missing: 0, extra: 0, worst: { absolute: 0, relative: 0 } },
      { name: 'aside', steps: 6, identical: 6 },
    ],
  })
  // It ran with the seed of its trial, and with nothing that would let it report to the server.
  expect(await readFile(join(folder, `repro-${id}-2`, 'run', 'output.log'), 'utf8')).toContain('secret None None')
  const again = await sweep('trial', 'repro', `${id}/2`)
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty') })
}, 120_000)

test('a program that is not deterministic is off, by how much and where, and a tolerance decides what that means', async () => {
  const id = await createSweep(true)
  const repro = await sweep('trial', 'repro', `${id}/1`, '--dir', 'there', '--json')
  expect(repro.code).toBe(0)
  const [loss] = JSON.parse(repro.stdout).metrics
  expect(loss).toMatchObject({ name: 'loss', steps: 6, missing: 0 })
  expect(loss.identical).toBeLessThan(6)
  expect(loss.worst.absolute).toBe(Math.abs(loss.worst.here - loss.worst.recorded))
  expect(loss.worst.relative).toBe(loss.worst.absolute / loss.worst.recorded)
  expect(loss.last.step).toBe(6)
  expect(repro.stderr).toMatch(/loss is off by at most \S+ \(\S+ %\), at step \d/)
  const strict = await sweep('trial', 'repro', `${id}/1`, '--dir', 'strict', '--tolerance', '0')
  expect(strict).toMatchObject({ code: 1, stderr: expect.stringContaining('loss is not within 0 of the record') })
  const loose = await sweep('trial', 'repro', `${id}/1`, '--dir', 'loose', '--tolerance', '1e6')
  expect(loose.code).toBe(0)
}, 120_000)

test('what is not in the snapshot makes it fail with why, and in its folder it runs', async () => {
  await writeFile(join(project, '.sweepignore'), 'helper.py\n')
  const id = await createSweep(false)
  const repro = await sweep('trial', 'repro', `${id}/1`, '--dir', 'a')
  expect(repro.code).toBe(1)
  expect(repro.stderr).toContain("No module named 'helper'")
  expect(repro.stderr).toContain('are not in the snapshot')
  const inFolder = await sweep('trial', 'repro', `${id}/1`, '--dir', 'b', '--in-folder')
  expect(inFolder.stderr).toContain('loss is the same to the last bit')
  expect(inFolder.stderr).toContain('was in no git repository')
  expect(inFolder.code).toBe(0)
}, 120_000)

test('without a snapshot it runs in the folder while that is at the commit of the record, and not when it has moved on', async () => {
  const git = (...args: string[]) => run('git', ['-C', project, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args])
  await git('init', '-q', '-b', 'main')
  await writeFile(join(project, 'README'), 'one\n')
  await git('add', 'README')
  await git('commit', '-q', '-m', 'one')
  const id = await createSweep(false, 'code: none\n')
  const repro = await sweep('trial', 'repro', `${id}/1`, '--dir', 'a')
  expect(repro.stderr).toContain('loss is the same to the last bit')
  expect(repro.stderr).toContain('Files that git does not track may have changed.')
  await writeFile(join(project, 'README'), 'two\n')
  const changed = await sweep('trial', 'repro', `${id}/1`, '--dry-run', '--dir', 'b')
  expect(changed.stderr).toContain('The uncommitted changes in')
  await git('commit', '-q', '-a', '-m', 'two')
  const moved = await sweep('trial', 'repro', `${id}/1`, '--dir', 'b')
  expect(moved.code).toBe(1)
  expect(moved.stderr).toMatch(/is at commit [0-9a-f]{12}; the trial ran at [0-9a-f]{12}/)
  await rename(project, join(folder, 'moved'))
  const gone = await sweep('trial', 'repro', `${id}/1`, '--dir', 'b')
  expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining('is not on this machine') })
  // A dry run and an error leave nothing behind.
  expect((await readdir(folder)).sort()).toEqual(['a', 'moved'])
}, 120_000)

test('the commit of a repository is run again, whatever has become of its branch', async () => {
  const git = (...args: string[]) => run('git', ['-C', project, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args])
  const inner = join(project, 'inner')
  await git('init', '-q', '-b', 'main')
  await run('mkdir', [inner])
  await writeFile(join(inner, 'train.py'), PROGRAM)
  await writeFile(join(inner, 'helper.py'), 'def scale(x):\n    return x\n')
  await git('add', 'inner')
  await git('commit', '-q', '-m', 'runs')
  const id = await createSweep(false, `code: {git: "file://${project}", ref: main, folder: inner}\n`)
  await git('rm', '-q', '-r', 'inner')
  await git('commit', '-q', '-m', 'does not')
  const repro = await sweep('trial', 'repro', `${id}/3`, '--dir', 'a', '--json')
  expect(repro.stderr).toContain('loss is the same to the last bit at all 6 steps')
  expect(JSON.parse(repro.stdout)).toMatchObject({ folder: join(folder, 'a', 'code', 'inner') })
}, 120_000)

test('two trials side by side: the packages and the diff of the first stand for both', async () => {
  const git = (...args: string[]) => run('git', ['-C', project, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args])
  await git('init', '-q', '-b', 'main')
  await writeFile(join(project, 'README'), 'one\n')
  await git('add', 'README')
  await git('commit', '-q', '-m', 'one')
  await writeFile(join(project, 'README'), 'two\n')
  const id = await createSweep(false)
  const diff = JSON.parse((await sweep('diff', `${id}/1`, '3', '--json')).stdout)
  expect(diff.a.environment.packages).toEqual(diff.b.environment.packages)
  expect(diff.b.environment.git.diff).toContain('+two')
  const rows = new Map(
    diff.differences.map((row: { section: string; name: string }) => [`${row.section} ${row.name}`, row]),
  )
  expect(rows.get('config lr')).toMatchObject({ same: false })
  expect(rows.get('config steps')).toMatchObject({ same: true, a: 6 })
  expect(rows.get('seed seed')).toMatchObject({ same: false })
  expect(rows.get('code uncommitted changes')).toMatchObject({ same: true, a: expect.stringMatching(/^[0-9a-f]{16}$/) })
  expect(rows.get('environment python')).toMatchObject({ same: true, a: expect.stringMatching(/^3\./) })
  expect(rows.get('outcome state')).toMatchObject({ same: true, a: 'completed' })
}, 120_000)

test('a counterfactual over the record of a real sweep has its own pruner save nothing', async () => {
  // One that would stop a trial at its last report stops it in time or not, as it happens.
  const id = await createSweep(false, 'early_terminate: {type: patience, patience: 6}\n')
  const replay = await sweep(
    'replay',
    id,
    '--early-terminate',
    'patience,patience=6',
    '--early-terminate',
    'none',
    '--json',
  )
  const { outcomes } = JSON.parse(replay.stdout)
  expect(outcomes[1]).toMatchObject({ savedAtMost: 0, savedAtLeast: 0, pruned: outcomes[0].pruned, regret: 0 })
}, 120_000)
