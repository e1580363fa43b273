import { accessSync, constants, type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
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
} from '../launcher.ts'
import { type Place, type PlaceOf, placeOf } from '../place.ts'
import { readExitFile } from './exit-file.ts'
import { exitFromCode } from './exit-from-code.ts'
import { type ReadOomKills, readOomKills } from './oom-kills.ts'
import { ProcessGroup } from './process-group.ts'
import { isAlive, readStat, startTimeOf } from './process-identity.ts'
import { resolveProgram } from './resolve-program.ts'
import { LocalSpawner, type ProgramEnd, type Spawned, type Spawner, type SpawnFailure } from './spawner.ts'
import { ATTEMPT_TAG, HOME_TAG, TaggedProcesses } from './tagged-processes.ts'

/** How often an adopted process is looked at when its folder can't be watched. */
const ADOPTED_POLL_MS = 500

const OOM_KILLS_KEPT_MS = 1000

/**
 * How long the exit file of an adopted program is waited for when the program is gone already: who started it needs a
 * moment to notice and to write.
 */
const EXIT_FILE_MS = 1000
const EXIT_FILE_LOOK_MS = 20

export interface ProcessLauncherOptions {
  /** Who starts the programs; this process when absent. */
  readonly spawner?: Spawner
  /** Where the count of memory kills is read; tests pass their own. */
  readonly oomKills?: ReadOomKills
}

/**
 * Attempts as processes of this host, each in a session of its own with its output going straight to a file, so that
 * training survives the agent. What one consists of is found by its process group and by its tag.
 */
export class ProcessLauncher implements Launcher {
  readonly name = 'process'
  readonly runsOnHost = true
  readonly #tagged = new TaggedProcesses()
  readonly #spawner: Spawner
  readonly #oomKills: ReadOomKills
  #oomKillsBefore: number
  #oomKillsReadAt = 0

  constructor(options: ProcessLauncherOptions = {}) {
    this.#spawner = options.spawner ?? new LocalSpawner()
    this.#oomKills = options.oomKills ?? readOomKills
    this.#oomKillsBefore = this.#oomKills()
  }

  async launch(spec: LaunchSpec): Promise<Launched> {
    const program = resolveProgram(spec.argv[0] ?? '', spec.cwd, spec.env['PATH'])
    if (program.kind === 'missing') return { kind: 'bad-command', message: program.message }
    this.#refreshOomKills()
    const spawned = await this.#spawner.spawn({
      id: spec.id,
      argv: [program.path, ...spec.argv.slice(1)],
      cwd: spec.cwd,
      env: { ...spec.env, [ATTEMPT_TAG]: spec.id },
      outputPath: spec.outputPath,
      exitPath: spec.exitPath,
    })
    return spawned.kind === 'started'
      ? { kind: 'started', running: this.#track(spec, spawned) }
      : explainFailure(spawned.failure, spec, program.path)
  }

  async adopt(record: LaunchRecord): Promise<Running> {
    const place = placeOf(record.place, 'process')
    const group = new ProcessGroup(record.id, place, this.#tagged, false)
    return this.#running(record.id, place, group, () => exitCodeOf(place, record.exitPath))
  }

  async find({ id, exitPath }: LaunchUnderWay): Promise<Place | undefined> {
    // Looked for before its exit file: one that ends in between has left that.
    const pid = leaderOf(this.#tagged.withTag(id))
    const startTime = pid === undefined ? null : startTimeOf(pid)
    if (pid !== undefined && startTime !== null) return { kind: 'process', pid, startTime }
    const left = readExitFile(exitPath)
    return left?.pid === undefined ? undefined : { kind: 'process', pid: left.pid, startTime: '' }
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

  #track({ id, exitPath }: LaunchSpec, { pid, startTime, ended }: Extract<Spawned, { kind: 'started' }>): Running {
    const place = { kind: 'process', pid, startTime } as const
    // A child that has died already has no start time to know it by; its group is ours nevertheless.
    const group = new ProcessGroup(id, place, this.#tagged, true)
    return this.#running(id, place, group, async () => {
      const end = await ended
      if (end === undefined) return exitCodeOf(place, exitPath)
      return end.code === null ? end : exitFromCode(end.code)
    })
  }

  /** @param end resolves, once the program has ended, to how; null when that is unknown */
  #running(id: string, place: Place, group: ProcessGroup, end: () => Promise<ProgramEnd | null>): Running {
    let killedByUs = false
    const exited = end().then((ended): Exit => {
      if (ended === null) return UNKNOWN_EXIT
      return { ...ended, outOfMemory: ended.signal === 'SIGKILL' && !killedByUs && this.#memoryRanOut() }
    })
    return {
      id,
      place,
      exited,
      signal: (signal) => {
        if (signal === 'SIGKILL') killedByUs = true
        group.signal(signal)
      },
      clear: (graceMs) => group.clear(graceMs),
    }
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

/** The program itself, among all that an attempt consists of: in a group of its own, and a child of none of them. */
function leaderOf(pids: readonly number[]): number | undefined {
  const isProgram = (pid: number) => {
    const stat = readStat(pid)
    return stat?.group === pid && !pids.includes(stat.parent)
  }
  return pids.find(isProgram) ?? pids[0]
}

function explainFailure({ step, code, message }: SpawnFailure, spec: LaunchSpec, program: string): Launched {
  if (step === 'output') return { kind: 'node-fault', message: `Can't write ${spec.outputPath}: ${message}.` }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return {
        kind: 'bad-command',
        message: isFolder(spec.cwd)
          ? `${program} can't be run: the interpreter in its first line is not on this host.`
          : `The folder ${spec.cwd} does not exist on this host. Trials run in the folder of the sweep file; make it available here.`,
      }
    case 'EACCES':
      return {
        kind: 'bad-command',
        message: mayEnter(spec.cwd)
          ? `This user may not run ${program} on this host, or not the interpreter in its first line.`
          : `This user may not enter the folder ${spec.cwd} on this host.`,
      }
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
      return { kind: 'node-fault', message: `Can't start a process: ${message}.` }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function mayEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** How a program ended that is not our child, once it has; null when nobody left word of it. */
async function exitCodeOf(place: PlaceOf<'process'>, exitPath: string): Promise<ProgramEnd | null> {
  await processEnd(place, exitPath)
  for (const until = performance.now() + EXIT_FILE_MS; ; ) {
    const left = readExitFile(exitPath)
    if (left !== null) return exitFromCode(left.code)
    if (performance.now() >= until) return null
    await new Promise((resolve) => setTimeout(resolve, EXIT_FILE_LOOK_MS))
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
      watcher = watch(dirname(exitPath), (_event, name) => {
        if (name !== null && exitPath.endsWith(name)) look()
      })
      watcher.on('error', () => watcher?.close())
    } catch {
      // Polling alone will do.
    }
    look()
  })
}
