import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '@sweep/client/make-folder'
import { SweepError } from '@sweep/spec/errors'
import { AgentId, type AttemptId } from '@sweep/spec/ids'
import { z } from 'zod'
import { readHomeId } from './home-id.ts'
import { lockHome } from './home-lock.ts'
import { LiveJournal } from './live-journal.ts'
import { LiveRecord } from './live-record.ts'

const Identity = z.object({ agentId: AgentId, token: z.string(), url: z.string() })
export type Identity = z.infer<typeof Identity>

/**
 * The folder of one agent: `id`, `agent.json` (who it is to the server), `lock` (whose it is), `live.jsonl` (what runs),
 * `uploads/<attempt>.json` (what is still to be uploaded), `cache/` (code and checkpoints of others), and `runs/<attempt>/`,
 * the run folders, which stay for as long as `RunJanitor` lets them.
 */
export class AgentHome {
  readonly path: string
  readonly name: string
  /** Kept from the first record on, and nobody else's: hosts may share an engine or a cluster, and names recur. */
  readonly id: string
  /** What the lock of the home is marked with while it is ours. */
  readonly nonce: string
  readonly #release: () => void
  readonly #live: LiveJournal
  #isIdKept: boolean

  private constructor(path: string, name: string, nonce: string, release: () => void) {
    this.path = path
    this.name = name
    const kept = readHomeId(path)
    this.id = kept ?? nonce
    this.#isIdKept = kept !== undefined
    this.nonce = nonce
    this.#release = release
    this.#live = new LiveJournal(join(path, 'live.jsonl'))
  }

  /**
   * Takes the folder of the agent `name`, or of `name-2` and so on where another living agent has it.
   * @throws SweepError `invalid-request` when the folder can't be written to
   */
  static open(root: string, name: string, nonce: string): AgentHome {
    for (let number = 1; number < 100; number += 1) {
      const unique = number === 1 ? name : `${name}-${number}`
      const path = join(root, 'agents', unique)
      try {
        makeFolder(join(path, 'runs'))
        const lock = lockHome(path, nonce)
        if (lock !== null) return new AgentHome(path, unique, nonce, lock.release)
      } catch (cause) {
        throw new SweepError(
          'invalid-request',
          `The agent's folder ${path} can't be written to: ${(cause as Error).message}`,
          {
            hint: 'Free some disk space, or set SWEEP_HOME to a folder that can be written to.',
            cause,
          },
        )
      }
    }
    throw new SweepError('conflict', `A hundred agents named ${name} run on this host already.`, {
      hint: 'Set SWEEP_AGENT_NAME.',
    })
  }

  close(): void {
    this.#live.close()
    this.#release()
  }

  runFolder(id: AttemptId): string {
    return join(this.path, 'runs', id)
  }

  /** Null when the agent never registered with this server. */
  identity(url: string): Identity | null {
    try {
      const identity = Identity.parse(JSON.parse(readFileSync(join(this.path, 'agent.json'), 'utf8')))
      return identity.url === url ? identity : null
    } catch {
      return null
    }
  }

  keepIdentity(identity: Identity): void {
    replaceFile(join(this.path, 'agent.json'), `${JSON.stringify(identity)}\n`)
  }

  keepLive(record: LiveRecord): void {
    if (!this.#isIdKept) replaceFile(join(this.path, 'id'), `${this.id}\n`)
    this.#isIdKept = true
    this.#live.keep(record)
  }

  forgetLive(id: AttemptId): void {
    this.#live.forget(id)
  }

  live(): LiveRecord[] {
    return [...this.#live.read(), ...this.#takeOverFolder()]
  }

  /** Agents before this one kept a file for each attempt. */
  #takeOverFolder(): LiveRecord[] {
    const folder = join(this.path, 'live')
    if (!existsSync(folder)) return []
    const records = readdirSync(folder).flatMap((name) => {
      try {
        return name.endsWith('.json') ? [LiveRecord.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))] : []
      } catch {
        return []
      }
    })
    for (const record of records) this.#live.keep(record)
    rmSync(folder, { recursive: true, force: true })
    return records
  }
}

/** In one step, so that on a full disk the old one stays. Only for us to read: what we keep holds tokens. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
