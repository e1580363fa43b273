import { parseMemory } from '../units.ts'
import type { ContainerInput } from './container-input.ts'
import type { SweepInput } from './input-schema.ts'
import type { Report } from './report.ts'

const AT = ['container']

/** Whoever sees one of these from inside has the whole host, with the rights of its engine. */
const WHOLE_HOST = /^\/+$|^\/(proc|sys|dev|boot)(\/|$)|docker\.sock$|^\/(var\/)?run\/*$/

/** What is wrong between the launcher and `container`, and in mounts that are right by themselves. */
export function checkContainer(report: Report, input: SweepInput): void {
  const { launcher, container } = input
  if (launcher !== 'docker') {
    if (container === undefined) return
    report.error(AT, `container has no meaning with launcher ${launcher ?? 'process'}`, {
      hint: 'Add launcher: docker, or leave it out.',
      at: 'key',
    })
    return
  }
  if (container === undefined) {
    report.error(['launcher'], 'launcher docker needs an image', {
      hint: 'Add container: {image: "pytorch/pytorch:2.5"}.',
    })
    return
  }
  for (const [index, mount] of (container.mounts ?? []).entries()) {
    const { source } = readMount(mount)
    if (!WHOLE_HOST.test(source)) continue
    report.error([...AT, 'mounts', index], `${source} can't be mounted: a trial would have the whole host`, {
      hint: 'Mount the folders that the program needs.',
    })
  }
}

/** As the document has it. */
export function readContainer(container: ContainerInput): unknown {
  const { shm_size: shm, mounts, ...rest } = container
  return {
    ...rest,
    mounts: mounts?.map(readMount),
    shmBytes: shm === undefined ? undefined : (parseMemory(shm) ?? undefined),
  }
}

function readMount(mount: NonNullable<ContainerInput['mounts']>[number]) {
  if (typeof mount !== 'string') return mount
  const [source = '', target = '', mode] = mount.split(':')
  return { source, target, readOnly: mode === 'ro' }
}
