import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What Kubernetes lets a Secret hold, in bytes of its values. */
const MOST_BYTES = 1024 * 1024
/** Each is an entry of the pod's template as well. */
const MOST_FILES = 1000

export interface CodeFile {
  /** In the folder of the code, with slashes. */
  readonly path: string
  readonly bytes: Buffer
  readonly isExecutable: boolean
}

/** The code is not such that a Secret can hold it; says why and what to do. */
export class CodeTooLarge extends Error {}

/**
 * The files of a folder of code, as a Secret can hold them: links are what they lead to, empty folders are left out.
 * @throws CodeTooLarge for more than 1 MiB or 1,000 files
 */
export function readCode(folder: string): CodeFile[] {
  const files: CodeFile[] = []
  let bytes = 0
  const walk = (inner: string) => {
    for (const name of readdirSync(join(folder, inner)).sort()) {
      // A checkout's own, and many times the size of what is checked out.
      if (inner === '' && name === '.git') continue
      const path = inner === '' ? name : `${inner}/${name}`
      const about = statSync(join(folder, path), { throwIfNoEntry: false })
      if (about?.isDirectory() === true) walk(path)
      if (about?.isFile() !== true) continue
      bytes += about.size
      if (bytes > MOST_BYTES || files.length >= MOST_FILES) throw tooLarge()
      files.push({ path, bytes: readFileSync(join(folder, path)), isExecutable: (about.mode & 0o111) !== 0 })
    }
  }
  walk('')
  return files
}

function tooLarge(): CodeTooLarge {
  return new CodeTooLarge(
    `The code is more than a Secret of Kubernetes holds (${MOST_BYTES / 1024 ** 2} MiB, ${MOST_FILES} files). ` +
      'Leave what is not code out with .sweepignore, or build the code into the image and say code: none.',
  )
}
