import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, type FSWatcher, openSync, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import {
  type AgentIdentity,
  type Exit,
  type Launched,
  type Launcher,
  type LaunchRecord,
  type LaunchSpec,
  type Running,
  UNKNOWN_EXIT,
} from '../launcher.ts'
import { type PlaceOf, placeOf } from '../place.ts'
import { exitFromCode } from './exit-from-code.ts'
import { type ReadOomKills, readOomKills } from './oom-kills.ts'
import { ProcessGroup } from './process-group.ts'
import { isAlive, startTimeOf } from './process-identity.ts'
import { resolveProgram } from './resolve-program.ts'
import { ATTEMPT_TAG, HOME_TAG, TaggedProcesses } from './tagged-processes.ts'

/**
 * Runs around every program: passes its exit code on, and leaves it in a file, because an agent that was restarted is
 * not the parent and has no other way to learn it. Signals to the group reach the program as well as the shell; the
 * shell catches them (an ignored signal would be ignored in the program too) and waits on. The line is one `write`, and
 * counts only with its newline, so nobody reads half of it. Costs about 1.5 ms a start beside a bare spawn.
 */
const WRAPPER =
  'x=$1; shift; trap : TERM INT HUP QUIT USR1 USR2 ALRM; "$@"; s=$?; { echo "$s" >"$x"; } 2>/dev/null; exit "$s"'

/** How often an adopted process is looked at when its folder can't be watched. */
const ADOPTED_POLL_MS = 500

const OOM_KILLS_KEPT_MS = 1000

/**
 * A SIGTERM that arrives while the shell turns into the program is caught by the shell and lost to the program (26 of
 * 600 within the first 3 ms, measured), so to one this young it is sent again, at these times.
 */
const YOUNG_MS = 500
const TERM_AGAIN_MS = [20, 100] as const

/** The exit code that the wrapper left, or null when it left none (it was killed, or the host went down). */
export function readExitFile(path: string): number | null {
  try {
    return Number(/^(\d+)\n$/.exec(readFileSync(path, 'utf8'))?.[1] ?? Number.NaN)
  } catch {
    return null
  }
}

export interface ProcessLauncherOptions {
  /** Where the count of memory kills is read; tests pass their own. */
  readonly oomKills?: ReadOomKills
}

/** A group that is gone by then is not signalled: `ProcessGroup` knows. */
function termAgain(group: ProcessGroup): void {
  for (const ms of TERM_AGAIN_MS) setTimeout(() => group.signal('SIGTERM'), ms).unref()
}

/**
 * Attempts as processes of this host, each in a session of its own with its output going straight to a file, so that
 * training survives the agent. What one consists of is found by its process group and by its tag.
 */
export class ProcessLauncher implements Launcher {
  readonly name = 'process'
  readonly runsOnHost = true
  readonly #tagged = new TaggedProcesses()
  readonly #oomKills: ReadOomKills
  #oomKillsBefore: number
  #oomKillsReadAt = 0

  constructor(options: ProcessLauncherOptions = {}) {
    this.#oomKills = options.oomKills ?? readOomKills
    this.#oomKillsBefore = this.#oomKills()
  }

  async launch(spec: LaunchSpec): Promise<Launched> {
    const program = resolveProgram(spec.argv[0] ?? '', spec.cwd, spec.env['PATH'])
    if (program.kind === 'missing') return { kind: 'bad-command', message: program.message }
    this.#refreshOomKills()
    let output: number
    try {
      output = openSync(spec.outputPath, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o644)
    } catch (error) {
      return { kind: 'node-fault', message: `Can't write ${spec.outputPath}: ${(error as Error).message}.` }
    }
    try {
      const child = spawn('/bin/sh', ['-c', WRAPPER, 'sweep', spec.exitPath, program.path, ...spec.argv.slice(1)], {
        cwd: spec.cwd,
        env: { ...spec.env, [ATTEMPT_TAG]: spec.id },
        detached: true,
        shell: false,
        stdio: ['ignore', output, output],
      })
      // `spawn` reports some failures only through the event.
      const failed = child.pid === undefined ? await errorOf(child) : undefined
      if (failed !== undefined) return explainSpawnError(failed, spec)
      return { kind: 'started', running: this.#track(spec.id, child) }
    } catch (error) {
      return explainSpawnError(error as NodeJS.ErrnoException, spec)
    } finally {
      closeSync(output)
    }
  }

  async adopt(record: LaunchRecord): Promise<Running> {
    const place = placeOf(record.place, 'process')
    const group = new ProcessGroup(record.id, place, this.#tagged, false)
    const killed = { byUs: false }
    // It may be as young as this, for all we know.
    const adoptedAt = performance.now()
    return {
      id: record.id,
      place,
      exited: this.#exitOfAdopted(place, record.exitPath, killed),
      signal: (signal) => {
        if (signal === 'SIGKILL') killed.byUs = true
        group.signal(signal)
        if (signal === 'SIGTERM' && performance.now() - adoptedAt <= YOUNG_MS) termAgain(group)
      },
      clear: (graceMs) => group.clear(graceMs),
    }
  }

  async endStrays(agent: AgentIdentity, known: ReadonlySet<string>): Promise<string[]> {
    const ours = new Set(new TaggedProcesses(HOME_TAG).withTag(agent.home))
    const ended: string[] = []
    for (const [id, pids] of this.#tagged.scan()) {
      const strays = known.has(id) ? [] : pids.filter((pid) => ours.has(pid) && pid !== process.pid)
      if (strays.length > 0) ended.push(id)
      for (const pid of strays) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // Gone already.
        }
      }
    }
    return ended
  }

  #track(id: string, child: ChildProcess): Running {
    const pid = child.pid ?? 0
    // A child that has died already is a zombie until we reap it, and then has no start time to know it by; its group
    // is ours nevertheless.
    const startTime = startTimeOf(pid) ?? ''
    const group = new ProcessGroup(id, { pid, startTime }, this.#tagged, true)
    const bornAt = performance.now()
    let killedByUs = false
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        const exit = code === null ? { code: null, signal } : exitFromCode(code)
        resolve({ ...exit, outOfMemory: exit.signal === 'SIGKILL' && !killedByUs && this.#memoryRanOut() })
      })
    })
    return {
      id,
      place: { kind: 'process', pid, startTime },
      exited,
      signal: (signal) => {
        if (signal === 'SIGKILL') killedByUs = true
        group.signal(signal)
        if (signal === 'SIGTERM' && performance.now() - bornAt <= YOUNG_MS) termAgain(group)
      },
      clear: (graceMs) => group.clear(graceMs),
    }
  }

  async #exitOfAdopted(place: PlaceOf<'process'>, exitPath: string, killed: { byUs: boolean }): Promise<Exit> {
    await processEnd(place, exitPath)
    const code = readExitFile(exitPath)
    if (code === null || Number.isNaN(code)) return UNKNOWN_EXIT
    const exit = exitFromCode(code)
    return { ...exit, outOfMemory: exit.signal === 'SIGKILL' && !killed.byUs && this.#memoryRanOut() }
  }

  /** Keeps the count of memory kills fresh, so that one of last week is not taken for one of now. */
  #refreshOomKills(): void {
    const now = performance.now()
    if (now - this.#oomKillsReadAt < OOM_KILLS_KEPT_MS) return
    this.#oomKillsReadAt = now
    this.#oomKillsBefore = this.#oomKills()
  }

  /** Not counted off: the kernel may have killed several attempts at once, and each asks. */
  #memoryRanOut(): boolean {
    return this.#oomKills() > this.#oomKillsBefore
  }
}

function errorOf(child: ChildProcess): Promise<NodeJS.ErrnoException> {
  return new Promise((resolve) => child.once('error', resolve))
}

function explainSpawnError(error: NodeJS.ErrnoException, spec: LaunchSpec): Launched {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      // The shell exists on any host, so it is the folder that does not.
      return {
        kind: 'bad-command',
        message: `The folder ${spec.cwd} does not exist on this host. Trials run in the folder of the sweep file; make it available here.`,
      }
    case 'EACCES':
      return { kind: 'bad-command', message: `This user may not enter the folder ${spec.cwd} on this host.` }
    case 'E2BIG':
      return {
        kind: 'bad-command',
        message: 'The command line is too long for this host. Read the parameters from $SWEEP_PARAMS instead.',
      }
    case 'ERR_INVALID_ARG_VALUE':
      return {
        kind: 'bad-command',
        message: 'The command line or environment holds a NUL character, which no program can take.',
      }
    default:
      return { kind: 'node-fault', message: `Can't start a process: ${error.message}.` }
  }
}

/** Resolves when the process is gone. Its exit file wakes us; polling makes up for a folder that can't be watched. */
async function processEnd({ pid, startTime }: PlaceOf<'process'>, exitPath: string): Promise<void> {
  if (!isAlive(pid, startTime)) return
  await new Promise<void>((resolve) => {
    let watcher: FSWatcher | undefined
    const look = () => {
      if (isAlive(pid, startTime)) return
      clearInterval(timer)
      watcher?.close()
      resolve()
    }
    const timer = setInterval(look, ADOPTED_POLL_MS)
    try {
      // The shell is a moment from its end when the file appears.
      watcher = watch(dirname(exitPath), (_event, name) => {
        if (name !== null && exitPath.endsWith(name)) setTimeout(look, 5)
      })
      watcher.on('error', () => watcher?.close())
    } catch {
      // Polling alone will do.
    }
    look()
  })
}
