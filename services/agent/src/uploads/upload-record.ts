import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AttemptId } from '@sweep/spec/ids'
import { SavedCheckpoint } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'

/** What of an ended attempt is still to be uploaded. */
export const UploadRecord = z.object({
  attemptId: AttemptId,
  epoch: z.int(),
  checkpoint: SavedCheckpoint.optional(),
  /** Folder of the files that the program left. */
  artifacts: z.string().optional(),
})
export type UploadRecord = z.infer<typeof UploadRecord>

/** Records of uploads in a folder, so that an agent that is started again goes on with them. */
export class UploadRecords {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  keep(record: UploadRecord): void {
    const path = this.#path(record.attemptId)
    mkdirSync(this.#folder, { recursive: true })
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  forget(id: AttemptId): void {
    rmSync(this.#path(id), { force: true })
  }

  all(): UploadRecord[] {
    if (!existsSync(this.#folder)) return []
    return readdirSync(this.#folder).flatMap((name) => {
      try {
        if (!name.endsWith('.json')) throw new Error(`${name} is not whole`)
        return [UploadRecord.parse(JSON.parse(readFileSync(join(this.#folder, name), 'utf8')))]
      } catch {
        rmSync(join(this.#folder, name), { force: true })
        return []
      }
    })
  }

  #path(id: AttemptId): string {
    return join(this.#folder, `${id}.json`)
  }
}
