import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Launcher, LaunchSpec, Running } from './launcher.ts'

/** The same five behaviours, as this launcher spells them. */
export interface ContractPrograms {
  readonly exits: (code: number) => readonly string[]
  readonly prints: (text: string) => readonly string[]
  /** Runs until SIGTERM, whose default is to die. */
  readonly waits: readonly string[]
  readonly ignoresSigterm: readonly string[]
  readonly missing: readonly string[]
}

/** What every launcher must do. Call it at the top of a test file. */
export function launcherContract(name: string, makeLauncher: () => Launcher, programs: ContractPrograms): void {
  let folder: string
  let count = 0
  const launcher = makeLauncher()

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sweep-launcher-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function spec(argv: readonly string[]): LaunchSpec {
    count += 1
    const id = `contract${process.pid % 100}${name.slice(0, 4)}-${count}-1`
    return {
      id,
      argv,
      cwd: folder,
      env: { PATH: '/usr/bin:/bin' },
      outputPath: join(folder, `${id}.log`),
      exitPath: join(folder, `${id}.exit`),
    }
  }

  async function start(given: LaunchSpec): Promise<Running> {
    const launched = await launcher.launch(given)
    if (launched.kind !== 'started') throw new Error(launched.message)
    return launched.running
  }

  test(`${name}: the exit code of the program is told`, async () => {
    for (const code of [0, 3, 127]) {
      const running = await start(spec(programs.exits(code)))
      expect(await running.exited).toEqual({ code, signal: null, outOfMemory: false })
      expect(await running.clear(0)).toBe(0)
    }
  })

  test(`${name}: what the program prints is appended to the output file`, async () => {
    const given = spec(programs.prints('hello there'))
    await (await start(given)).exited
    expect(readFileSync(given.outputPath, 'utf8')).toBe('hello there\n')
  })

  test(`${name}: a program that does not exist is a bad command, and the message names it`, async () => {
    const launched = await launcher.launch(spec(programs.missing))
    expect(launched.kind).toBe('bad-command')
    expect(launched.kind === 'bad-command' && launched.message).toContain(programs.missing[0])
  })

  test(`${name}: SIGTERM ends a program that does not mind it, and the signal is told`, async () => {
    const running = await start(spec(programs.waits))
    running.signal('SIGTERM')
    expect(await running.exited).toEqual({ code: null, signal: 'SIGTERM', outOfMemory: false })
    expect(await running.clear(0)).toBe(0)
  })

  test(`${name}: SIGTERM ends a program whatever moment of its start it comes in`, async () => {
    const ends = Array.from({ length: 40 }, async (_, turn) => {
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
    const adopted = await launcher.adopt({ ...running, exitPath: given.exitPath })
    adopted.signal('SIGTERM')
    await adopted.exited
    await running.exited
    expect(await adopted.clear(0)).toBe(0)
  })

  test(`${name}: a dead attempt is adopted as ended`, async () => {
    const given = spec(programs.waits)
    const record = { id: given.id, pid: 2 ** 22 + 1, startTime: 'another boot', exitPath: given.exitPath }
    const adopted = await launcher.adopt(record)
    expect(await adopted.exited).toEqual({ code: null, signal: null, outOfMemory: false })
    expect(await adopted.clear(0)).toBe(0)
  })
}

function after(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still running'), ms))
}

/** A program that ignores SIGTERM needs a moment before it does; it prints `ready` then. The fake needs none. */
async function untilReady(spec: LaunchSpec, programs: ContractPrograms): Promise<void> {
  if (programs.ignoresSigterm.length === 1) return
  await expect.poll(() => readFileSync(spec.outputPath, 'utf8'), { timeout: 5000 }).toContain('ready')
}
