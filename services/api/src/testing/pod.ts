import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { until } from './test-api.ts'

const SDK = resolve(import.meta.dirname, '../../../../packages/python')

const RECORD = '\u001esweep checkpoint '

/** Does what it is told, line by line: `save 3` makes a checkpoint of step 3, and the end of its input is its own. */
const PROGRAM = `
import os, sys
import sweep
found = sweep.restore()
if found:
    names = [os.path.relpath(os.path.join(top, name), found.path) for top, _, names in os.walk(found.path) for name in names]
    print("from", found.step, (found.path / "deep" / "state \\u00e4").read_text(), *sorted(names), flush=True)
else:
    print("anew", flush=True)
for line in sys.stdin:
    step = int(line.split()[1])
    with sweep.checkpoint(step) as path:
        (path / "deep").mkdir()
        (path / "deep" / "state \\u00e4").write_text(f"state-of-{step}")
        (path / "large").write_bytes(os.urandom(1) * 3_000_000)
        (path / "link").symlink_to("deep")
        (path / "out").symlink_to("/etc")
    print("saved", step, flush=True)
`

/** A Python program that finds what one in a pod does, and no agent sees its disk. */
export class Pod {
  readonly folder: string
  readonly #process: ChildProcess
  #out = ''
  err = ''

  constructor(folder: string, url: string, assignment: Assignment, env: Readonly<Record<string, string>> = {}) {
    const { attemptId, restore, sweepId, token, trial } = assignment
    this.folder = join(folder, attemptId)
    mkdirSync(this.folder, { recursive: true })
    const copied = {
      SWEEP_CHECKPOINTS: join(this.folder, 'checkpoints', attemptId),
      SWEEP_CHECKPOINT_COPIES: '1',
    }
    this.#process = spawn('python3', ['-c', PROGRAM], {
      env: {
        ...{ PATH: process.env['PATH'], HOME: this.folder, PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1' },
        ...{ SWEEP_RUN_DIR: this.folder, SWEEP_REPORT: 'stdout', SWEEP_URL: url, SWEEP_TOKEN: token },
        ...{ SWEEP_ID: sweepId, SWEEP_TRIAL: String(trial), SWEEP_ATTEMPT: attemptId },
        ...(assignment.keepsCheckpoints === true ? copied : {}),
        ...(restore === undefined ? {} : { SWEEP_RESTORE: restore }),
        ...env,
      },
    })
    this.#process.stdout?.on('data', (chunk) => {
      this.#out += String(chunk)
    })
    this.#process.stderr?.on('data', (chunk) => {
      this.err += String(chunk)
    })
  }

  /** What it has printed first: where it goes on from. */
  begun(): Promise<string> {
    return until(() => /^(from|anew).*(?=\n)/m.exec(this.#out)?.[0])
  }

  async save(step: number): Promise<void> {
    this.#process.stdin?.write(`save ${step}\n`)
    await until(() => (this.#out.includes(`saved ${step}\n`) ? true : undefined))
  }

  /** The checkpoints that it has told its agent of. */
  get told(): { step: number; path: string }[] {
    const lines = this.#out.split('\n').slice(0, -1)
    return lines.filter((line) => line.startsWith(RECORD)).map((line) => JSON.parse(line.slice(RECORD.length)))
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** @returns its exit code */
  async end(): Promise<number | null> {
    this.#process.stdin?.end()
    await until(() => (this.#process.exitCode !== null || this.#process.signalCode !== null ? true : undefined))
    return this.#process.exitCode
  }
}
