import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zipArchive } from './zip-archive.ts'

/** What a program in a pod may import, as the pod's Secret holds it. */
export interface SdkFiles {
  /** `sweep.py`. */
  readonly sweep: string
  /** `sweep_tracking.zip`: packed, because every Job has a copy of it in the cluster's store. Absent where there is none. */
  readonly tracking: Buffer | undefined
}

/** @param folder of `sweep.py`, with `sweep_tracking` beside it */
export function readSdk(folder: string): SdkFiles {
  const sweep = readFileSync(join(folder, 'sweep.py'), 'utf8')
  const tracking = join(folder, 'sweep_tracking')
  if (!existsSync(tracking)) return { sweep, tracking: undefined }
  const names = readdirSync(tracking).filter((name) => name.endsWith('.py'))
  const files = new Map(names.map((name) => [`sweep_tracking/${name}`, readFileSync(join(tracking, name))]))
  return { sweep, tracking: zipArchive(files) }
}
