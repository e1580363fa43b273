import { appendFileSync } from 'node:fs'
import {
  type AgentIdentity,
  type Exit,
  type Launched,
  type Launcher,
  type LaunchRecord,
  type LaunchSpec,
  type LaunchUnderWay,
  type Running,
  UNKNOWN_EXIT,
} from './launcher.ts'
import type { Place } from './place.ts'

interface FakeProcess {
  readonly agent: string | undefined
  readonly running: Running
  readonly end: (exit: Exit) => void
}

/**
 * A launcher without processes, for tests of what stands on top. It knows four programs: `exit <code>`, `print <text>`,
 * `wait` (until a signal) and `stubborn` (until SIGKILL).
 */
export class FakeLauncher implements Launcher {
  readonly name = 'fake'
  readonly runsOnHost = true
  readonly launches: LaunchSpec[] = []
  readonly #processes = new Map<string, FakeProcess>()

  async launch(spec: LaunchSpec): Promise<Launched> {
    const [program, argument = '0'] = spec.argv
    if (!['exit', 'print', 'wait', 'stubborn'].includes(program ?? '')) {
      return { kind: 'bad-command', message: `There is no program "${program}".` }
    }
    this.launches.push(spec)
    const { running, end } = this.#start(spec.id, spec.agent.id, program === 'stubborn')
    if (program === 'exit') end({ code: Number(argument), signal: null, outOfMemory: false })
    if (program === 'print') {
      appendFileSync(spec.outputPath, `${argument}\n`)
      end({ code: 0, signal: null, outOfMemory: false })
    }
    return { kind: 'started', running }
  }

  async adopt(record: LaunchRecord): Promise<Running> {
    const known = this.#processes.get(record.id)
    if (known !== undefined) return known.running
    const { running, end } = this.#start(record.id, undefined, false)
    end(UNKNOWN_EXIT)
    return running
  }

  async find({ id }: LaunchUnderWay): Promise<Place | undefined> {
    return this.#processes.get(id)?.running.place
  }

  async endStrays(agent: AgentIdentity, known: ReadonlySet<string>): Promise<string[]> {
    const strays = [...this.#processes].filter(([id, one]) => one.agent === agent.id && !known.has(id))
    for (const [, { running }] of strays) running.signal('SIGKILL')
    return strays.map(([id]) => id)
  }

  #start(id: string, agent: string | undefined, stubborn: boolean): FakeProcess {
    let alive = true
    let settle: (exit: Exit) => void = () => undefined
    const exited = new Promise<Exit>((resolve) => {
      settle = resolve
    })
    const end = (exit: Exit) => {
      alive = false
      settle(exit)
    }
    const signal = (name: 'SIGTERM' | 'SIGKILL') => {
      if (alive && (name === 'SIGKILL' || !stubborn)) end({ code: null, signal: name, outOfMemory: false })
    }
    const running: Running = {
      id,
      place: { kind: 'process', pid: this.#processes.size + 1, startTime: 'fake' },
      exited,
      signal,
      clear: async (graceMs) => {
        if (!alive) return 0
        signal(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
        signal('SIGKILL')
        return 1
      },
    }
    const process = { agent, running, end }
    this.#processes.set(id, process)
    return process
  }
}
