import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, default as Docker } from 'dockerode'
import { lastLineOf } from '../last-line.ts'
import type { Exit, LaunchCalls, LaunchRecord, Running } from '../launcher.ts'
import { placeOf } from '../place.ts'
import { containerExit, type EndedState, REMOVED } from './container-exit.ts'
import { copyOutput } from './copy-output.ts'
import { engineSays, isEngineAway, statusOf } from './engine-errors.ts'
import { readStoredExit, storeExit } from './stored-exit.ts'
import { wasToldToEnd } from './told-to-end.ts'

/** Time between two tries while the engine does not answer. */
const AGAIN_MS = 500
/** An engine that was restarted may have missed an end, and a connection may be dead without a word. */
const LOOK_ANYWAY_MS = 30_000
/** An engine that has been away this long is taken to have lost the container. */
const AWAY_MS = 300_000
/** The end waits for the rest of the output as long as some comes within this. */
const OUTPUT_MS = 10_000
/** A SIGTERM in the moment in which the container turns into its first process is lost, so to one this young it is sent again. */
const YOUNG_MS = 500
const TERM_AGAIN_MS = 250
const MOST_REMOVALS = 20

interface Ended {
  readonly state: EndedState
  readonly image: string
  readonly endedWithEngine: boolean
  readonly wasTold: boolean
}

/** One attempt in a container, looked after from its start, or from its adoption, until it is removed. */
export class RunningContainer implements Running {
  readonly id: string
  readonly place: { readonly kind: 'container'; readonly id: string }
  readonly exited: Promise<Exit>
  readonly #record: LaunchRecord
  readonly #engine: Docker
  readonly #container: Container
  readonly #progress: LaunchCalls['progress']
  readonly #released = new AbortController()
  readonly #bornAt = performance.now()
  #isOver = false
  /** We sent it a signal. */
  #isOurs = false

  constructor(engine: Docker, record: LaunchRecord, progress: LaunchCalls['progress']) {
    this.id = record.id
    this.place = placeOf(record.place, 'container')
    this.#record = record
    this.#engine = engine
    this.#container = engine.getContainer(this.place.id)
    this.#progress = progress
    this.exited = this.#exit()
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#isOver) return
    this.#isOurs = true
    void this.#send(signal)
    if (signal === 'SIGTERM' && performance.now() - this.#bornAt <= YOUNG_MS) {
      setTimeout(() => void this.#send(signal), TERM_AGAIN_MS).unref()
    }
  }

  async clear(graceMs: number): Promise<number> {
    let found = 0
    if (!this.#isOver) {
      found = 1
      if (graceMs > 0) {
        this.signal('SIGTERM')
        await Promise.race([this.exited, after(graceMs)])
      }
      this.signal('SIGKILL')
    }
    // Its output and its end are kept before it goes.
    await this.exited
    await this.#remove()
    return found
  }

  release(): void {
    this.#released.abort()
  }

  async #exit(): Promise<Exit> {
    const { exitPath, outputPath } = this.#record
    const stored = readStoredExit(exitPath)
    if (stored !== undefined) {
      this.#isOver = true
      return stored
    }
    const output = this.#copyOutput()
    const ended = await this.#untilEnded()
    this.#isOver = true
    await this.#untilCopied(output)
    const exit =
      'state' in ended
        ? containerExit(ended.state, { ...ended, isOurs: this.#isOurs, lastLine: lastLineOf(outputPath) })
        : ended
    try {
      storeExit(exitPath, exit)
    } catch {
      // On a full disk the agent that is here knows, and one that comes after it finds nothing.
    }
    return exit
  }

  /** Waits for the end, over whatever happens to the engine meanwhile. */
  async #untilEnded(): Promise<Ended | Exit> {
    const abortSignal = this.#released.signal
    let awaySince: number | undefined
    for (;;) {
      const isTime = AbortSignal.timeout(LOOK_ANYWAY_MS)
      try {
        const { State, Config } = await this.#container.inspect({ abortSignal: AbortSignal.any([abortSignal, isTime]) })
        if (!State.Running) {
          // Asked for once it is back: one that was restarted keeps its containers only when it is told to.
          const endedWithEngine = awaySince !== undefined && !(await this.#engine.info()).LiveRestoreEnabled
          // An engine that is being stopped tells its containers first, and of their ends while it still answers.
          const wasTold = !this.#isOurs && !endedWithEngine && (await wasToldToEnd(this.#engine, this.place.id, State))
          return { state: State, image: Config.Image, endedWithEngine, wasTold }
        }
        if (awaySince !== undefined) this.#progress('')
        awaySince = undefined
        await this.#container.wait({ abortSignal: AbortSignal.any([abortSignal, isTime]) })
      } catch (error) {
        if (abortSignal.aborted) return new Promise(() => undefined)
        if (isTime.aborted) continue
        if (statusOf(error) === 404) return REMOVED
        const now = performance.now()
        if (awaySince === undefined) this.#progress(`waiting for the Docker engine: ${engineSays(error)}`)
        awaySince ??= now
        if (now - awaySince > AWAY_MS) return lostWithEngine(error)
        await sleep(AGAIN_MS)
      }
    }
  }

  async #copyOutput(): Promise<void> {
    const { signal } = this.#released
    while (!signal.aborted) {
      try {
        const isWhole = this.#isOver
        await copyOutput(this.#container, this.#record.outputPath, !isWhole, signal)
        if (isWhole) return
        // That it ends is seen a moment later. When it has not ended it was the engine, and there is more to come.
        await this.#isOverWithin(AGAIN_MS)
      } catch (error) {
        if (statusOf(error) === 404) return
        await sleep(AGAIN_MS)
      }
    }
  }

  async #isOverWithin(ms: number): Promise<boolean> {
    for (let waited = 0; waited < ms && !this.#isOver; waited += ms / 10) await sleep(ms / 10)
    return this.#isOver
  }

  async #untilCopied(output: Promise<void>): Promise<void> {
    const isCopied = output.then(() => true)
    let size = -1
    for (;;) {
      const now = statSync(this.#record.outputPath, { throwIfNoEntry: false })?.size ?? 0
      if (now === size) return
      size = now
      if (await Promise.race([isCopied, after(OUTPUT_MS)])) return
    }
  }

  async #send(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    while (!this.#isOver && !this.#released.signal.aborted) {
      try {
        await this.#container.kill({ signal })
        return
      } catch (error) {
        // It has ended already, or is gone.
        if (!isEngineAway(error)) return
        await sleep(AGAIN_MS)
      }
    }
  }

  async #remove(): Promise<void> {
    for (let tries = 0; tries < MOST_REMOVALS && !this.#released.signal.aborted; ) {
      try {
        await this.#container.remove({ force: true, v: true })
      } catch (error) {
        if (statusOf(error) === 404) return
        // 409: its removal is under way. What keeps failing is found and removed at the next start of the agent.
        if (!isEngineAway(error)) tries += 1
        await sleep(AGAIN_MS)
      }
    }
  }
}

function lostWithEngine(error: unknown): Exit {
  const message = `The Docker engine has not answered for ${AWAY_MS / 60_000} minutes: ${engineSays(error)}.`
  return { code: null, signal: null, outOfMemory: false, failure: { cause: 'node-fault', message } }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref())
}
