import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 50
/** As much as a small commit writes. */
const BYTES = Buffer.alloc(8192)

/**
 * How long the disk takes to keep a few kilobytes, asked again and again beside what is measured: no commit is faster, and
 * where the disk stands still every decision does.
 */
export class FlushProbe {
  #taken: number[] = []
  #isClosed = false
  readonly #file: FileHandle
  readonly #done: Promise<void>

  private constructor(file: FileHandle) {
    this.#file = file
    this.#done = this.#run()
  }

  static async start(folder: string): Promise<FlushProbe> {
    return new FlushProbe(await open(join(folder, 'flush-probe'), 'w'))
  }

  /** Milliseconds, of each flush since the last time. */
  take(): readonly number[] {
    const taken = this.#taken
    this.#taken = []
    return taken
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#done
    await this.#file.close()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const from = performance.now()
      await this.#file.write(BYTES, 0, BYTES.length, 0)
      await this.#file.datasync()
      this.#taken.push(performance.now() - from)
      await sleep(EVERY_MS)
    }
  }
}
