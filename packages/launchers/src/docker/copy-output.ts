import { open } from 'node:fs/promises'
import type { Container } from 'dockerode'
import { LogFrames } from './log-frames.ts'

/**
 * Appends to a file what a container has printed beyond what the file holds, and follows until the container ends.
 *
 * Docker keeps a container's whole output until the container is removed, and the file is exactly the beginning of it:
 * its size says where to go on. So nothing is lost or doubled, whoever was restarted in between. A shell inside that
 * writes the file would do without the copy, but images need not have a shell, and it would hide the program's start.
 * @throws what the engine or the disk says; to be called again then
 */
export async function copyOutput(container: Container, path: string, abortSignal: AbortSignal): Promise<void> {
  const file = await open(path, 'a')
  try {
    let known = (await file.stat()).size
    const stream = await container.logs({ follow: true, stdout: true, stderr: true, abortSignal })
    const frames = new LogFrames()
    for await (const chunk of stream) {
      const output = Buffer.concat(frames.push(chunk as Buffer))
      const fresh = output.subarray(known)
      known -= output.length - fresh.length
      if (fresh.length > 0) await file.appendFile(fresh)
    }
  } finally {
    await file.close()
  }
}
