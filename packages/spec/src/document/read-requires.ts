import { parseMemory } from '../units.ts'
import type { SweepInput } from './input-schema.ts'
import type { Report } from './report.ts'
import { nodeAt, type SourceNode } from './source-node.ts'
import type { Requires } from './sweep-document.ts'

/** The values of labels as spelled: `1.10` stays `1.10`. */
export function readRequires(root: SourceNode, { requires }: SweepInput): Requires | undefined {
  if (requires === undefined) return undefined
  const { labels, gpu_model: gpuModel, gpu_memory: memory } = requires
  return {
    labels:
      labels &&
      Object.fromEntries(
        Object.entries(labels).map(([name, value]) => {
          const node = nodeAt(root, ['requires', 'labels', name])
          return [name, node?.kind === 'scalar' ? node.text : String(value)]
        }),
      ),
    gpuModel,
    gpuMemoryBytes: memory === undefined ? undefined : (parseMemory(memory) ?? undefined),
  }
}

export function checkRequires(report: Report, { launcher, requires, resources }: SweepInput): void {
  if (launcher === 'kubernetes' && !Number.isInteger(resources?.gpus ?? 0)) {
    report.error(['resources', 'gpus'], 'a pod of launcher kubernetes can only have whole GPUs', {
      hint: 'Write gpus: 1, or share them by kubernetes.gpu_resource, such as nvidia.com/mig-1g.5gb.',
    })
  }
  for (const key of ['gpu_model', 'gpu_memory'] as const) {
    if (requires?.[key] === undefined || resources?.gpus !== 0) continue
    report.error(['requires', key], `requires.${key} has no sense with resources.gpus 0, which hides the GPUs`, {
      hint: 'Leave one of the two out.',
      at: 'key',
    })
  }
}
