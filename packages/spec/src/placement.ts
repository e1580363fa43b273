import type { Requires } from './document/sweep-document.ts'
import type { Gpu, Shape, Slot } from './wire/agent-protocol.ts'

/**
 * Which slots of an agent a trial may have. Agent, api and planner go by the same functions, so what one counts on
 * another does not refuse.
 */

/** Rounding of a fraction of a GPU: 0.33 of three shares is one share, and so is 0.3334. */
const SHARE_TOLERANCE = 0.001

/** What tells one GPU, or one MIG device, of a host from the others. */
export function gpuKey({ index, uuid }: Gpu): string {
  return uuid ?? String(index)
}

/** A part of a GPU that the driver keeps apart from its other parts; known by its UUID alone. */
export function isMig({ uuid }: Gpu): boolean {
  return uuid?.startsWith('MIG-') === true
}

/** Whether a GPU is what the trials of a sweep need. One whose name or memory is not known never is where they matter. */
export function suitsGpu(gpu: Gpu, { gpuModel, gpuMemoryBytes }: Requires): boolean {
  const isModel = gpuModel === undefined || words(gpu.name ?? '').includes(words(gpuModel))
  return isModel && (gpuMemoryBytes === undefined || (gpu.memoryBytes ?? 0) >= gpuMemoryBytes)
}

/** Between spaces, so that an A10 is no A100. */
function words(name: string): string {
  return ` ${name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .join(' ')} `
}

/** Whether an agent has the labels that are required. */
export function hasLabels(labels: Readonly<Record<string, string>>, requires: Requires | undefined): boolean {
  return Object.entries(requires?.labels ?? {}).every(([name, value]) => labels[name] === value)
}

function needsGpu({ gpus, requires }: Shape): boolean {
  return (gpus ?? 0) > 0 || requires?.gpuModel !== undefined || requires?.gpuMemoryBytes !== undefined
}

/** Slots with a GPU that suits, by GPU, in their order. */
function byGpu(free: readonly Slot[], requires: Requires = {}): Slot[][] {
  const groups = new Map<string, Slot[]>()
  for (const slot of free) {
    if (slot.gpu === undefined || !suitsGpu(slot.gpu, requires)) continue
    const key = gpuKey(slot.gpu)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [slot])
    else group.push(slot)
  }
  return [...groups.values()]
}

/** GPUs none of which is shared with anybody. CUDA lets a program have one MIG device, or GPUs without MIG. */
function wholeGpus(groups: readonly Slot[][], gpus: number): Slot[][] {
  return groups.filter(([first, ...rest]) => {
    if (first?.gpu === undefined || rest.length + 1 < (first.shares ?? 1)) return false
    return gpus === 1 || !isMig(first.gpu)
  })
}

/** Shares of a GPU that a trial takes which wants less than a whole one. */
function sharesNeeded({ gpus }: Shape, { shares = 1 }: Slot): number {
  return gpus === undefined || gpus === 0 ? 1 : Math.max(1, Math.ceil(gpus * shares - SHARE_TOLERANCE))
}

/** GPUs that a trial on these slots has, shares as fractions. */
export function gpusOf(slots: readonly Slot[], { gpus }: Shape): number {
  if (gpus === 0) return 0
  return slots.reduce((sum, slot) => sum + (slot.gpu === undefined ? 0 : 1 / (slot.shares ?? 1)), 0)
}

/** How many trials of a shape these slots hold, whatever else they need. */
export function countSlotsFor(free: readonly Slot[], shape: Shape): number {
  if (!needsGpu(shape)) return free.length
  const groups = byGpu(free, shape.requires)
  const { gpus = 0 } = shape
  if (gpus >= 1) return Math.floor(wholeGpus(groups, gpus).length / gpus)
  return groups.reduce((sum, group) => {
    const [first] = group
    return first === undefined ? sum : sum + Math.floor(group.length / sharesNeeded(shape, first))
  }, 0)
}

/**
 * Slots for one trial of a shape, or null when it does not fit. A share is taken from the GPU with the fewest left, so
 * that whole ones stay whole.
 */
export function chooseSlots(free: readonly Slot[], shape: Shape): Slot[] | null {
  const groups = byGpu(free, shape.requires)
  const { gpus = 0 } = shape
  if (gpus >= 1) {
    const whole = wholeGpus(groups, gpus)
    return whole.length < gpus ? null : whole.slice(0, gpus).flat()
  }
  const fullest = groups
    .filter((group) => group[0] !== undefined && group.length >= sharesNeeded(shape, group[0]))
    .reduce<Slot[] | undefined>((best, group) => (best && best.length <= group.length ? best : group), undefined)
  const share = fullest?.[0] && fullest.slice(0, sharesNeeded(shape, fullest[0]))
  if (needsGpu(shape)) return share ?? null
  const without = free.find((slot) => slot.gpu === undefined)
  // A trial that wants no GPU leaves those with one to others while it can.
  if (shape.gpus === 0 && without !== undefined) return [without]
  return share ?? (without === undefined ? null : [without])
}
