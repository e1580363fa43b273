import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launcherContract, startedBy, testSpec } from '@sweep/launchers/launcher-contract'
import { placeOf } from '@sweep/launchers/place'
import { readStat } from '@sweep/launchers/process/process-identity'
import { ProcessLauncher } from '@sweep/launchers/process/process-launcher'
import { LocalSpawner } from '@sweep/launchers/process/spawner'
import { TaggedProcesses } from '@sweep/launchers/process/tagged-processes'
import pino from 'pino'
import { afterAll, expect, test } from 'vitest'
import { AgentHome } from './home/agent-home.ts'
import { ReaperLink } from './home/reaper-link.ts'
import { bundleForTest } from './test-bundle.ts'

/** Programs that the reaper starts, as it is shipped. */
const dist = await bundleForTest({ reaper: './reaper.ts' })
const home = AgentHome.open(join(dist, 'home'), 'tester', 'tester')
const link = new ReaperLink(join(dist, 'reaper.js'), home, { PATH: process.env['PATH'] }, pino({ level: 'silent' }))
const launcher = new ProcessLauncher({ spawner: link })

afterAll(() => {
  link.close()
  home.close()
  rmSync(dist, { recursive: true, force: true })
})

launcherContract(
  'process by its reaper',
  () => launcher,
  {
    exits: (code) => ['sh', '-c', `exit ${code}`],
    prints: (text) => ['echo', text],
    waits: ['sleep', '300'],
    ignoresSigterm: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'],
    missing: ['no-such-program', '--flag'],
  },
  { gone: { kind: 'process', pid: 2 ** 22 + 1, startTime: 'another boot' } },
)

/** The pid of the reaper, which is the parent of what it starts. */
async function reaperNow(): Promise<number> {
  const probe = await startedBy(launcher, testSpec(dist, ['sleep', '300']))
  const parent = readStat(placeOf(probe.place, 'process').pid)?.parent ?? 0
  probe.signal('SIGKILL')
  await probe.exited
  expect(readFileSync(`/proc/${parent}/cmdline`, 'utf8')).toContain('reaper.js')
  return parent
}

test('what can not be started is told as this process would tell it', async () => {
  const local = new ProcessLauncher({ spawner: new LocalSpawner() })
  const given = [
    testSpec(dist, ['/bin/true'], { cwd: join(dist, 'nowhere') }),
    testSpec(dist, ['/bin/true', 'a\0b']),
    testSpec(dist, ['/bin/true', 'x'.repeat(5_000_000)]),
    testSpec(dist, ['/bin/true'], { outputPath: join(dist, 'no', 'such', 'output.log') }),
  ]
  for (const spec of given) {
    const launched = await launcher.launch(spec)
    expect(launched.kind).not.toBe('started')
    expect(launched).toEqual(await local.launch(spec))
  }
})

test('an argument comes through byte for byte, an end of line of any kind too', async () => {
  const odd = ['two\nlines', 'a\u2028b', 'é💡', '\r', '"', '\\n', '']
  const spec = testSpec(dist, ['/usr/bin/printf', '<%s>', ...odd])
  await (await startedBy(launcher, spec)).exited
  expect(readFileSync(spec.outputPath, 'utf8')).toBe(odd.map((text) => `<${text}>`).join(''))
})

test('a killed reaper takes no program with it: how one ends is unknown then, and the next is started by a new one', async () => {
  const spec = testSpec(dist, ['sh', '-c', 'while [ ! -e go ]; do sleep 0.01; done; touch went'], {
    cwd: dist,
  })
  const running = await startedBy(launcher, spec)
  const before = await reaperNow()
  process.kill(before, 'SIGKILL')
  // Until it is seen to be gone, programs are still sent to it, and fail.
  await expect.poll(() => reaperNow().catch(() => before)).not.toBe(before)
  const stillRuns = await Promise.race([running.exited, new Promise((resolve) => setTimeout(resolve, 50, 'runs'))])
  expect(stillRuns).toBe('runs')
  const touch = await startedBy(launcher, testSpec(dist, ['touch', 'go'], { cwd: dist }))
  expect((await touch.exited).code).toBe(0)
  expect(await running.exited).toEqual({ code: null, signal: null, outOfMemory: false })
  expect(readdirSync(dist)).toContain('went')
})

test('a start that the reaper was killed in is a fault of the host', async () => {
  const reaper = await reaperNow()
  process.kill(reaper, 'SIGSTOP')
  const launched = launcher.launch(testSpec(dist, ['sleep', '300']))
  process.kill(reaper, 'SIGKILL')
  expect(await launched).toMatchObject({ kind: 'node-fault', message: expect.stringContaining('was killed') })
})

test('and a program that it had begun, without a word of it, is ended before that is told', async () => {
  const dying = join(dist, 'dying-reaper.mjs')
  writeFileSync(
    dying,
    `import { spawn } from 'node:child_process'
     process.stdin.once('data', (line) => {
       const { argv, cwd, env } = JSON.parse(line).request
       spawn(argv[0], argv.slice(1), { cwd, env, detached: true, stdio: 'ignore' })
       process.kill(process.pid, 'SIGKILL')
     })`,
  )
  const spawner = new ReaperLink(dying, home, { PATH: process.env['PATH'] }, pino({ level: 'silent' }))
  const spec = testSpec(dist, ['sleep', '300'])
  expect((await new ProcessLauncher({ spawner }).launch(spec)).kind).toBe('node-fault')
  expect(new TaggedProcesses().withTag(spec.id)).toEqual([])
  spawner.close()
})
