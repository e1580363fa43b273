import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * What tells one folder of one host from all others: its path alone does not, as every host of a cluster may have one
 * there. Undefined where there is no such folder.
 */
export function folderIdentity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found?.isDirectory() === true ? `${hostIdentity()}:${found.ino}` : undefined
}

/**
 * A hash of what systemd and D-Bus call the machine and of its name. Copied machines share the first, the containers of a
 * host may share both; the number of the folder in its file system tells those apart.
 */
function hostIdentity(): string {
  let machine = ''
  try {
    machine = readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    // Not every system has one.
  }
  return createHash('sha256').update(`sweep host\0${machine}\0${hostname()}`).digest('hex').slice(0, 16)
}
