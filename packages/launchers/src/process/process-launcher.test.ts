import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Launcher, LaunchSpec, Running } from '../launcher.ts'
import { launcherContract, NO_CALLS, recordOf, startedBy, testSpec } from '../launcher-contract.ts'
import { placeOf } from '../place.ts'
import { readExitFile } from './exit-file.ts'
import { isAlive } from './process-identity.ts'
import { ProcessLauncher } from './process-launcher.ts'
import { TaggedProcesses } from './tagged-processes.ts'

launcherContract(
  'process',
  () => new ProcessLauncher(),
  {
    exits: (code) => ['sh', '-c', `exit ${code}`],
    prints: (text) => ['echo', text],
    waits: ['sleep', '300'],
    ignoresSigterm: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'],
    missing: ['no-such-program', '--flag'],
  },
  { gone: { kind: 'process', pid: 2 ** 22 + 1, startTime: 'another boot' } },
)

const launcher: Launcher = new ProcessLauncher()
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-process-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function spec(argv: readonly string[], env: Record<string, string> = {}): LaunchSpec {
  return testSpec(folder, argv, { env: { PATH: '/usr/bin:/bin', ...env } })
}

function start(given: LaunchSpec, by = launcher): Promise<Running> {
  return startedBy(by, given)
}

function output(given: LaunchSpec): string {
  return existsSync(given.outputPath) ? readFileSync(given.outputPath, 'utf8') : ''
}

test('the exit code is left in a file, signals as the shell counts them', async () => {
  const ok = spec(['sh', '-c', 'exit 7'])
  await (await start(ok)).exited
  expect(readExitFile(ok.exitPath)?.code).toBe(7)
  const crashed = spec(['sh', '-c', 'kill -SEGV $$'])
  expect((await (await start(crashed)).exited).signal).toBe('SIGSEGV')
  expect(readExitFile(crashed.exitPath)?.code).toBe(139)
})

test('the exit code survives a SIGTERM to the whole group', async () => {
  const given = spec(['sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.02; done'])
  const running = await start(given)
  await expect.poll(() => output(given)).toContain('ready')
  running.signal('SIGTERM')
  expect((await running.exited).code).toBe(5)
  expect(readExitFile(given.exitPath)?.code).toBe(5)
})

test('the program gets its arguments byte for byte, and none of our environment', async () => {
  const odd = ['a b', '$(id)', '`id`', '; rm -rf /', "it's", 'two\nlines', '--help', '-1', '', 'é💡', '*']
  const given = spec(['/usr/bin/env', 'printf', '<%s>', ...odd])
  await (await start(given)).exited
  expect(output(given)).toBe(odd.map((text) => `<${text}>`).join(''))
  const env = spec(['/usr/bin/env'])
  await (await start(env)).exited
  const names = output(env)
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0])
  expect(names.sort()).toEqual(expect.arrayContaining(['PATH', 'SWEEP_ATTEMPT']))
  expect(
    names.filter((name) => !['PATH', 'SWEEP_ATTEMPT', 'PWD', 'OLDPWD', '_', 'SHLVL'].includes(name ?? '')),
  ).toEqual([])
})

test('a program named like a word of the shell is run as a program', async () => {
  const given = spec(['exit', '9'])
  expect((await launcher.launch(given, NO_CALLS)).kind).toBe('bad-command')
})

test('a program that is not executable is a bad command that says what to do', async () => {
  const path = join(folder, 'train.py')
  writeFileSync(path, 'print(1)\n')
  chmodSync(path, 0o644)
  const launched = await launcher.launch(spec(['./train.py']), NO_CALLS)
  expect(launched).toEqual({ kind: 'bad-command', message: expect.stringContaining(`chmod +x ${path}`) })
})

test('a missing folder, a NUL and a command line too long are bad commands', async () => {
  const missing = await launcher.launch({ ...spec(['/bin/true']), cwd: join(folder, 'nowhere') }, NO_CALLS)
  expect(missing).toEqual({ kind: 'bad-command', message: expect.stringContaining('nowhere does not exist') })
  const nul = await launcher.launch(spec(['/bin/true', 'a\0b']), NO_CALLS)
  expect(nul).toEqual({ kind: 'bad-command', message: expect.stringContaining('NUL') })
  const long = await launcher.launch(spec(['/bin/true', 'x'.repeat(5_000_000)]), NO_CALLS)
  expect(long).toEqual({ kind: 'bad-command', message: expect.stringContaining('too long') })
})

test('an output file that cannot be written is a fault of the host', async () => {
  const given = { ...spec(['/bin/true']), outputPath: join(folder, 'no', 'such', 'output.log') }
  expect((await launcher.launch(given, NO_CALLS)).kind).toBe('node-fault')
})

test('grandchildren in sessions of their own are killed before the slot counts as free', async () => {
  const pids = join(folder, 'grandchildren')
  // One in the group, one that left the session, one that left it and ignores SIGTERM.
  const script = `
    sleep 300 & echo $! >>${pids}
    setsid sleep 300 & echo $! >>${pids}
    setsid sh -c 'trap "" TERM; echo $$ >>${pids}; while :; do sleep 0.05; done' &
    while [ "$(wc -l <${pids})" -lt 3 ]; do sleep 0.01; done
    exit 0`
  const running = await start(spec(['sh', '-c', script]))
  expect((await running.exited).code).toBe(0)
  expect(await running.clear(100)).toBeGreaterThanOrEqual(3)
  for (const line of readFileSync(pids, 'utf8').trim().split('\n')) {
    await expect.poll(() => statusOf(Number(line))).toMatch(/gone|Z/)
  }
  expect(new TaggedProcesses().withTag(running.id)).toEqual([])
})

test('a child that threw its environment away is still found by its group', async () => {
  const given = spec(['sh', '-c', 'env -i /bin/sleep 300 & echo $!; exit 0'])
  const running = await start(given)
  await running.exited
  expect(await running.clear(50)).toBe(1)
  expect(statusOf(Number(output(given)))).toMatch(/gone|Z/)
})

test('the output file may be closed by the program, and more may be printed than any pipe holds', async () => {
  const given = spec(['sh', '-c', 'head -c 3000000 /dev/zero; exec >&- 2>&-; sleep 0.05; exit 4'])
  expect((await (await start(given)).exited).code).toBe(4)
  expect(readFileSync(given.outputPath).length).toBe(3_000_000)
})

test('the program reads nothing from its standard input', async () => {
  const given = spec(['sh', '-c', 'cat; echo done'])
  await (await start(given)).exited
  expect(output(given)).toBe('done\n')
})

test('another launcher adopts a living process and learns its exit code from the file', async () => {
  const given = spec(['sh', '-c', 'trap "exit 6" TERM; echo ready; while :; do sleep 0.02; done'])
  const running = await start(given)
  await expect.poll(() => output(given)).toContain('ready')
  const adopted = await new ProcessLauncher().adopt(recordOf(given, running))
  adopted.signal('SIGTERM')
  expect(await adopted.exited).toEqual({ code: 6, signal: null, outOfMemory: false })
  expect(await adopted.clear(0)).toBe(0)
})

test('a pid that was given to another process is not mistaken for the attempt, nor killed', async () => {
  const stranger = await start(spec(['sleep', '300']))
  const { pid, startTime } = placeOf(stranger.place, 'process')
  const paths = { outputPath: join(folder, 'none'), exitPath: join(folder, 'none') }
  const record = { id: 'somebody-1-1', place: { kind: 'process', pid, startTime: 'before:1' }, ...paths } as const
  const adopted = await launcher.adopt(record, NO_CALLS)
  expect((await adopted.exited).code).toBeNull()
  adopted.signal('SIGKILL')
  expect(await adopted.clear(0)).toBe(0)
  expect(isAlive(pid, startTime)).toBe(true)
  stranger.signal('SIGKILL')
  await stranger.exited
})

test('a SIGKILL from elsewhere is out-of-memory only when the kernel counted one', async () => {
  let kills = 3
  const counting = new ProcessLauncher({ oomKills: () => kills })
  const plain = await start(spec(['sh', '-c', 'kill -KILL $$']), counting)
  expect(await plain.exited).toEqual({ code: null, signal: 'SIGKILL', outOfMemory: false })
  const gate = spec(['sh', '-c', 'while [ ! -e go ]; do sleep 0.01; done; kill -KILL $$'])
  const starved = await start(gate, counting)
  kills = 4
  writeFileSync(join(folder, 'go'), '')
  expect((await starved.exited).outOfMemory).toBe(true)
})

function statusOf(pid: number): string {
  try {
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 'gone'
  } catch {
    return 'gone'
  }
}
