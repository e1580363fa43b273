import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIZE = '4m'
const PAGE_BYTES = 4096

/** A file system of four megabytes, so that a full disk is a real one. Needs Linux, and the right to mount. */
export class SmallDisk {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static mount(): SmallDisk {
    const path = mkdtempSync(join(tmpdir(), 'sweep-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path], { stdio: 'pipe' })
    } catch (error) {
      rmdirSync(path)
      throw error
    }
    chmodSync(path, 0o755)
    return new SmallDisk(path)
  }

  /** Takes all the space there is, except for this many pages of 4 KiB. */
  fill(leaving = 0): void {
    const ballast = join(this.path, 'ballast')
    try {
      writeFileSync(ballast, Buffer.alloc(8 * 1024 * 1024))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
    const { blocks, bsize } = statfsSync(this.path)
    // A page at a time: what others have written in between counts too.
    for (let size = blocks * bsize; this.#free < leaving * PAGE_BYTES; size -= PAGE_BYTES) truncateSync(ballast, size)
  }

  get #free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Gives the space back. */
  empty(): void {
    rmSync(join(this.path, 'ballast'), { force: true })
  }

  unmount(): void {
    // Lazily, because a process that was killed may still be on its way out.
    execFileSync('umount', ['--lazy', this.path])
    rmdirSync(this.path)
  }
}

/** Whether this user may mount; CI sets SWEEP_REQUIRE_ALL so that one who may not is a failure, not a skip. */
export function canMount(): boolean {
  try {
    SmallDisk.mount().unmount()
    return true
  } catch (error) {
    if (process.env['SWEEP_REQUIRE_ALL'] === '1') throw error
    return false
  }
}

/** Says in a skipped test's name what would enable it. */
export const WITHOUT_MOUNT = 'skipped without the right to mount a tmpfs: run as root on Linux'
