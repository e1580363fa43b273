import { parseDuration } from '../units.ts'
import type { SweepInput } from './input-schema.ts'
import type { KubernetesInput } from './kubernetes-input.ts'
import type { Report } from './report.ts'

const AT = ['kubernetes']

/** What is wrong between the launcher, `kubernetes` and parts of it that are right by themselves. */
export function checkKubernetes(report: Report, input: SweepInput): void {
  const { launcher, kubernetes } = input
  if (launcher !== 'kubernetes') {
    if (kubernetes === undefined) return
    report.error(AT, `kubernetes has no meaning with launcher ${launcher ?? 'process'}`, {
      hint: 'Add launcher: kubernetes, or leave it out.',
      at: 'key',
    })
    return
  }
  const [container] = kubernetes?.template?.spec?.containers ?? []
  const inTemplate = container?.['image']
  if (kubernetes?.image === undefined && typeof inTemplate !== 'string') {
    report.error(kubernetes === undefined ? ['launcher'] : AT, 'launcher kubernetes needs an image', {
      hint: 'Add kubernetes: {image: my/train:1}.',
      at: 'key',
    })
  } else if (kubernetes?.image !== undefined && inTemplate !== undefined) {
    report.error([...AT, 'image'], 'the image is named here and in the template', { hint: 'Keep one of the two.' })
  }
  for (const key of ['command', 'args']) {
    if (container?.[key] === undefined) continue
    report.error([...AT, 'template', 'spec', 'containers', 0, key], `${key} of the container would not be used`, {
      hint: "Put what is to run into the sweep's own command.",
      at: 'key',
    })
  }
}

/** As the document has it. */
export function readKubernetes(kubernetes: KubernetesInput): unknown {
  const { gpu_resource, deadline, ttl, image_timeout, ...rest } = kubernetes
  return {
    ...rest,
    gpuResource: gpu_resource,
    deadlineMs: milliseconds(deadline),
    ttlMs: milliseconds(ttl),
    imageTimeoutMs: milliseconds(image_timeout),
  }
}

function milliseconds(duration: string | number | undefined): number | undefined {
  return duration === undefined ? undefined : (parseDuration(duration) ?? undefined)
}
