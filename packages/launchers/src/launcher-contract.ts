import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LaunchCalls, Launcher, LaunchRecord, LaunchSpec, Running } from './launcher.ts'
import type { Place } from './place.ts'

/** The same five behaviours, as this launcher spells them. */
export interface ContractPrograms {
  readonly exits: (code: number) => readonly string[]
  readonly prints: (text: string) => readonly string[]
  /** Runs until SIGTERM, whose default is to die. */
  readonly waits: readonly string[]
  /** Prints `ready` once it does. */
  readonly ignoresSigterm: readonly string[]
  readonly missing: readonly string[]
}

export interface ContractOptions {
  /** What a spec of this launcher has besides. */
  readonly spec?: Partial<LaunchSpec>
  /** Where there is nothing any more. */
  readonly gone: Place
  /** How many programs are started at once to catch one in every moment of its start; 40 when absent. */
  readonly starts?: number
}

let count = 0

/** A spec with everything in one folder, for tests. */
export function testSpec(folder: string, argv: readonly string[], given: Partial<LaunchSpec> = {}): LaunchSpec {
  count += 1
  const id = `contract${process.pid}x${count}-${count}-1`
  const runFolder = join(folder, id)
  mkdirSync(runFolder)
  return {
    id,
    agent: { id: `contract${process.pid}`, home: folder },
    labels: { sweep: 'contract', trial: count, attempt: 1, epoch: 1 },
    argv,
    cwd: folder,
    env: { PATH: '/usr/bin:/bin' },
    params: { lr: 0.1 },
    runFolder,
    sdkFolder: undefined,
    gpus: undefined,
    resources: {},
    graceMs: 1000,
    outputPath: join(runFolder, 'output.log'),
    exitPath: join(runFolder, 'exit'),
    ...given,
  }
}

/** For launches that nobody waits for and nobody gives up. */
export const NO_CALLS: LaunchCalls = {
  progress: () => undefined,
  get aborted() {
    return new AbortController().signal
  },
}

export async function startedBy(launcher: Launcher, spec: LaunchSpec): Promise<Running> {
  const launched = await launcher.launch(spec, NO_CALLS)
  if (launched.kind === 'aborted') throw new Error('aborted')
  if (launched.kind !== 'started') throw new Error(launched.message)
  return launched.running
}

/** What an agent keeps of a running attempt. */
export function recordOf(spec: LaunchSpec, { place }: Running): LaunchRecord {
  return { id: spec.id, place, outputPath: spec.outputPath, exitPath: spec.exitPath }
}

/** What every launcher must do. Call it at the top of a test file. */
export function launcherContract(
  name: string,
  makeLauncher: () => Launcher,
  programs: ContractPrograms,
  options: ContractOptions,
): void {
  let folder: string
  const launcher = makeLauncher()

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sweep-launcher-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const spec = (argv: readonly string[]) => testSpec(folder, argv, options.spec)
  const start = (given: LaunchSpec) => startedBy(launcher, given)

  test(`${name}: the exit code of the program is told`, async () => {
    for (const code of [0, 3, 127]) {
      const running = await start(spec(programs.exits(code)))
      expect(await running.exited).toMatchObject({ code, signal: null, outOfMemory: false })
      expect(await running.clear(0)).toBe(0)
    }
  })

  test(`${name}: what the program prints is in the output file when its end is told`, async () => {
    const given = spec(programs.prints('hello there'))
    const running = await start(given)
    await running.exited
    expect(readFileSync(given.outputPath, 'utf8')).toBe('hello there\n')
    await running.clear(0)
  })

  test(`${name}: a program that does not exist is a bad command, and the message names it`, async () => {
    const launched = await launcher.launch(spec(programs.missing), NO_CALLS)
    // Where only the place itself can tell, it is told as the end.
    const failure =
      launched.kind === 'started'
        ? (await launched.running.exited).failure
        : { cause: launched.kind, message: launched.kind === 'bad-command' ? launched.message : '' }
    if (launched.kind === 'started') await launched.running.clear(0)
    expect(failure?.cause).toBe('bad-command')
    expect(failure?.message).toContain(programs.missing[0])
  })

  test(`${name}: SIGTERM ends a program that does not mind it, and the signal is told`, async () => {
    const running = await start(spec(programs.waits))
    running.signal('SIGTERM')
    expect(await running.exited).toMatchObject({ code: null, signal: 'SIGTERM', outOfMemory: false })
    expect(await running.clear(0)).toBe(0)
  })

  test(`${name}: SIGTERM ends a program whatever moment of its start it comes in`, async () => {
    const ends = Array.from({ length: options.starts ?? 40 }, async (_, turn) => {
      const running = await start(spec(programs.waits))
      // A fraction of a millisecond more each time: from before the program is there to well after.
      const at = performance.now() + turn / 10
      while (performance.now() < at);
      running.signal('SIGTERM')
      expect((await running.exited).signal).toBe('SIGTERM')
      await running.clear(0)
    })
    await Promise.all(ends)
  })

  test(`${name}: SIGKILL ends a program that ignores SIGTERM`, async () => {
    const given = spec(programs.ignoresSigterm)
    const running = await start(given)
    await untilReady(given, programs)
    running.signal('SIGTERM')
    const first = await Promise.race([running.exited.then(() => 'ended'), after(100)])
    expect(first).toBe('still running')
    running.signal('SIGKILL')
    expect((await running.exited).signal).toBe('SIGKILL')
    await running.clear(0)
  })

  test(`${name}: signals to an attempt that has ended do nothing`, async () => {
    const running = await start(spec(programs.exits(0)))
    await running.exited
    running.signal('SIGTERM')
    running.signal('SIGKILL')
    expect(await running.clear(10)).toBe(0)
  })

  test(`${name}: a living attempt is adopted, and its end is seen`, async () => {
    const given = spec(programs.waits)
    const running = await start(given)
    const adopted = await launcher.adopt(recordOf(given, running), NO_CALLS)
    expect(adopted.place).toEqual(running.place)
    adopted.signal('SIGTERM')
    await adopted.exited
    await running.exited
    expect(await adopted.clear(0)).toBe(0)
  })

  test(`${name}: a dead attempt is adopted as ended`, async () => {
    const { id, outputPath, exitPath } = spec(programs.waits)
    const adopted = await launcher.adopt({ id, place: options.gone, outputPath, exitPath }, NO_CALLS)
    expect(await adopted.exited).toMatchObject({ code: null, signal: null, outOfMemory: false })
    expect(await adopted.clear(0)).toBe(0)
  })

  test(`${name}: what was started without a record is found while it runs and when it has ended`, async () => {
    const find = ({ id, labels, agent, exitPath }: LaunchSpec) =>
      launcher.find({ id, epoch: labels.epoch, agent, exitPath })
    const living = spec(programs.waits)
    const running = await start(living)
    await running.begun
    const place = await find(living)
    expect(place).toEqual(running.place)
    running.signal('SIGTERM')
    await running.exited

    const ended = spec(programs.exits(3))
    const over = await start(ended)
    await over.exited
    const gone = await find(ended)
    if (gone === undefined) throw new Error('not found')
    const adopted = await launcher.adopt({ ...recordOf(ended, over), place: gone }, NO_CALLS)
    expect(await adopted.exited).toMatchObject({ code: 3, signal: null })

    expect(await find(spec(programs.waits))).toBeUndefined()
    for (const one of [running, over, adopted]) expect(await one.clear(0)).toBe(0)
  })

  test(`${name}: what an agent started without a record is ended, and nothing else`, async () => {
    const agent = { id: `stray${process.pid}`, home: join(folder, 'stray') }
    const env = { ...spec([]).env, SWEEP_AGENT_HOME: agent.home }
    const recorded = await start({ ...spec(programs.waits), agent, env })
    const stray = await start({ ...spec(programs.waits), agent, env })
    const another = await start(spec(programs.waits))
    expect(await launcher.endStrays(agent, new Set([recorded.id, another.id]))).toEqual([stray.id])
    await stray.exited
    const first = await Promise.race([recorded.exited, another.exited, after(50)])
    expect(first).toBe('still running')
    for (const running of [recorded, stray, another]) await running.clear(0)
  })
}

function after(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still running'), ms))
}

/** A program that ignores SIGTERM needs a moment before it does; it prints `ready` then. The fake needs none. */
async function untilReady(spec: LaunchSpec, programs: ContractPrograms): Promise<void> {
  if (programs.ignoresSigterm.length === 1) return
  await expect.poll(() => readFileSync(spec.outputPath, 'utf8'), { timeout: 30_000 }).toContain('ready')
}
