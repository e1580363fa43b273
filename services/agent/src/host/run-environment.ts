import { createHash } from 'node:crypto'
import { arch, cpus, hostname, platform, release, totalmem } from 'node:os'
import { PythonVersions, pythonPackages } from '@sweep/launchers/process/interpreter'
import { type GitState, gitState } from '@sweep/snapshot/git-state'
import type { Code } from '@sweep/spec/code'
import type { Json } from '@sweep/spec/number'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { devicesHeld, type Held } from '../slots/slot-table.ts'

interface CodeState {
  readonly git: GitState | undefined
  readonly python: string | undefined
  readonly packages: Readonly<Record<string, string>> | undefined
}

/**
 * What is recorded of where a run took place. The code is looked at once per sweep: it would cost more than a short
 * trial to do so each time. The diff and the packages go along with the first attempt only, the others name their hash.
 */
export class RunEnvironments {
  readonly #inherited: Readonly<Record<string, string>>
  readonly #pythons = new PythonVersions()
  readonly #codes = new Map<string, Promise<CodeState>>()
  readonly #sent = new Set<string>()
  readonly #host: Readonly<Record<string, Json>> = {
    hostname: hostname(),
    platform: `${platform()}-${arch()}`,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
  }

  constructor(inherited: Readonly<Record<string, string>>) {
    this.#inherited = inherited
  }

  async of(assignment: Assignment, argv: readonly string[], held: Held): Promise<Record<string, Json>> {
    const { git, python, packages } = await this.#code(assignment, argv)
    const gpus = devicesHeld(held).map((gpu) => ({ ...gpu }))
    return {
      ...this.#host,
      workdir: assignment.workdir,
      ...(assignment.code === undefined ? {} : { code: codeRecord(assignment.code) }),
      seed: assignment.seed,
      ...(gpus.length === 0 ? {} : { gpus }),
      ...(python === undefined ? {} : { python }),
      ...(packages === undefined ? {} : this.#withoutKnown(assignment, packages)),
      ...(git === undefined ? {} : { git: this.#withoutKnownDiff(assignment, git) }),
    }
  }

  #code(assignment: Assignment, argv: readonly string[]): Promise<CodeState> {
    const program = argv[0] === '/usr/bin/env' ? (argv[1] ?? '') : (argv[0] ?? '')
    const key = `${assignment.sweepId}\0${assignment.workdir}\0${program}`
    const known = this.#codes.get(key)
    if (known !== undefined) return known
    const { workdir } = assignment
    const state = Promise.all([
      gitState(workdir, this.#inherited),
      this.#pythons.of(program, workdir, this.#inherited),
      // Those of an image are not those of this host.
      assignment.launcher === 'process' ? pythonPackages(program, workdir, this.#inherited) : undefined,
    ]).then(([git, python, packages]) => ({ git, python, packages }))
    this.#codes.set(key, state)
    if (this.#codes.size > 1000) this.#codes.delete(this.#codes.keys().next().value ?? '')
    return state
  }

  #withoutKnown(assignment: Assignment, packages: Readonly<Record<string, string>>): { [key: string]: Json } {
    const packagesHash = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 16)
    return this.#isSent(assignment, `packages ${packagesHash}`)
      ? { packagesHash }
      : { packagesHash, packages: { ...packages } }
  }

  #isSent({ sweepId }: Assignment, what: string): boolean {
    const key = `${sweepId} ${what}`
    const isSent = this.#sent.has(key)
    this.#sent.add(key)
    return isSent
  }

  #withoutKnownDiff(assignment: Assignment, git: GitState): { [key: string]: Json } {
    const { diff, ...rest } = git
    if (diff === undefined) return { ...rest }
    return this.#isSent(assignment, `diff ${git.diffHash}`) ? { ...rest } : { ...rest, diff }
  }
}

function codeRecord(code: Code): Record<string, Json> {
  switch (code.kind) {
    case 'folder':
      return { kind: 'folder' }
    case 'snapshot':
      return { kind: 'snapshot', sha256: code.sha256 }
    case 'git':
      return { kind: 'git', url: code.url, commit: code.commit, folder: code.folder }
  }
}
