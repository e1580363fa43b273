import { open } from 'node:fs/promises'
import type { Container } from 'dockerode'
import { LogFrames } from './log-frames.ts'

/**
 * Appends to a file what a container has printed beyond what the file holds; follows, or ends with what there is now.
 *
 * Docker keeps a container's whole output until the container is removed, and the file is exactly the beginning of it:
 * its size says where to go on. So nothing is lost or doubled, whoever was restarted in between. A shell inside that
 * writes the file would do without the copy, but images need not have a shell, and it would hide the program's start.
 *
 * What is followed may end before its time: an engine under load was seen to drop the second half of 100 MB when the
 * container ended. So once it has ended, it is to be copied again without following.
 * @throws what the engine or the disk says; to be called again then
 */
export async function copyOutput(
  container: Container,
  path: string,
  follow: boolean,
  abortSignal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'a')
  try {
    let known = (await file.stat()).size
    const frames = new LogFrames()
    for await (const chunk of await printed(container, follow, abortSignal)) {
      const output = Buffer.concat(frames.push(chunk))
      const fresh = output.subarray(known)
      known -= output.length - fresh.length
      if (fresh.length > 0) await file.appendFile(fresh)
    }
  } finally {
    await file.close()
  }
}

/** In Docker's frames. Not by dockerode's own `logs`, which holds everything in memory where it does not follow. */
function printed(container: Container, follow: boolean, abortSignal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const request = {
    path: `/containers/${container.id}/logs?`,
    method: 'GET',
    isStream: true,
    abortSignal,
    options: { stdout: true, stderr: true, follow },
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    container.modem.dial(request, (error: unknown, stream: AsyncIterable<Buffer>) => {
      if (error) reject(error)
      else resolve(stream)
    })
  })
}
