import type { Manifest } from './job-manifest.ts'
import type { CodeFile } from './read-code.ts'

/**
 * Where the program starts when its code is brought to it. Read only, and a volume of a Secret: the kubelet lays the files
 * out, so that the image needs no program for that, and the pod no way to the server.
 */
export const POD_CODE_FOLDER = '/sweep/code'
const VOLUME = 'sweep-code'

export const CODE_MOUNT: Manifest = { name: VOLUME, mountPath: POD_CODE_FOLDER, readOnly: true }

export function codeSecretName(job: string): string {
  return `${job}-code`
}

export function codeVolume(job: string, code: readonly CodeFile[]): Manifest {
  const items = code.map(({ path, isExecutable }, i) => ({ key: keyOf(i), path, mode: isExecutable ? 0o555 : 0o444 }))
  return { name: VOLUME, secret: { secretName: codeSecretName(job), items } }
}

export function codeData(code: readonly CodeFile[]): Record<string, Buffer> {
  return Object.fromEntries(code.map(({ bytes }, i) => [keyOf(i), bytes]))
}

/** A key of a Secret can't be every path; the volume says which file each is. */
function keyOf(index: number): string {
  return `file-${index}`
}
