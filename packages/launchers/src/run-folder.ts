import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { paramsJson } from '@sweep/spec/nest-config'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'

const ToldCheckpoint = z.object({ step: z.int(), path: z.string() })

/** What the folder tells a program of itself. */
export type RunContents = Pick<
  Assignment,
  'space' | 'config' | 'sweepId' | 'sweepName' | 'trial' | 'attempt' | 'attemptId' | 'seed' | 'metric' | 'restore'
>

/** Paths of one run, all in its folder. */
export class RunFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get params(): string {
    return join(this.path, 'params.json')
  }

  get metrics(): string {
    return join(this.path, 'metrics.jsonl')
  }

  get output(): string {
    return join(this.path, 'output.log')
  }

  get artifacts(): string {
    return join(this.path, 'artifacts')
  }

  get exit(): string {
    return join(this.path, 'exit')
  }

  /** Makes the folder with everything that the program may read. */
  create(assignment: RunContents): void {
    try {
      mkdirSync(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      // What is there is of the same attempt under an older epoch, and of no use to anybody.
      rmSync(this.path, { recursive: true, force: true })
      mkdirSync(this.path)
    }
    writeFileSync(this.params, paramsJson(assignment.space, assignment.config))
    const { sweepId, sweepName, trial, attempt, attemptId, seed, metric, restore } = assignment
    const context = { sweep: sweepId, sweepName, trial, attempt, attemptId, seed, metric, runDir: this.path, restore }
    writeFileSync(join(this.path, 'context.json'), `${JSON.stringify(context)}\n`)
    // Nobody reads it yet, so it need not be replaced in one step.
    writeFileSync(join(this.path, 'control.json'), '{"stop":null,"save":false}\n')
  }

  /** Replaced in one step: the program never reads half of it. */
  writeControl(control: { readonly stop: string | null; readonly save: boolean; readonly reason?: string }): void {
    const file = join(this.path, 'control.json')
    writeFileSync(`${file}.new`, `${JSON.stringify(control)}\n`)
    renameSync(`${file}.new`, file)
  }

  /** The newest checkpoint whose marker says that it was written to the end. */
  newestCheckpoint(): { step: number; path: string } | undefined {
    const folder = join(this.path, 'checkpoints')
    let names: string[]
    try {
      names = readdirSync(folder)
    } catch {
      return this.#toldCheckpoint()
    }
    const steps = names.filter((name) => /^\d+$/.test(name) && Number.isSafeInteger(Number(name)))
    for (const name of steps.sort((a, b) => Number(b) - Number(a))) {
      const path = join(folder, name)
      if (statSync(join(path, 'complete'), { throwIfNoEntry: false }) !== undefined) return { step: Number(name), path }
    }
    return undefined
  }

  /** What a program that can't write here has told of its newest, which lies where such programs find it. */
  #toldCheckpoint(): { step: number; path: string } | undefined {
    try {
      return ToldCheckpoint.parse(JSON.parse(readFileSync(join(this.path, 'checkpoint.json'), 'utf8')))
    } catch {
      return undefined
    }
  }
}
