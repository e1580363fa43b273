import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Gpu } from '@sweep/spec/wire/agent-protocol'

const run = promisify(execFile)
/** A driver that hangs must not keep the agent from starting. */
const NVIDIA_SMI_MS = 15_000

/** Runs nvidia-smi with a query and returns its rows, cells trimmed; empty where there is none. Tests pass their own. */
export type QueryGpus = (columns: string) => Promise<readonly (readonly string[])[]>

export const queryNvidiaSmi: QueryGpus = async (columns) => {
  try {
    const { stdout } = await run('nvidia-smi', [`--query-gpu=${columns}`, '--format=csv,noheader,nounits'], {
      timeout: NVIDIA_SMI_MS,
    })
    return parseCsv(stdout)
  } catch {
    return []
  }
}

export function parseCsv(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((cell) => cell.trim()))
}

/** What `nvidia-smi -L` prints; empty where there is none. Tests pass their own. */
export type ListGpus = () => Promise<string>

export const listNvidiaSmi: ListGpus = async () => {
  try {
    return (await run('nvidia-smi', ['-L'], { timeout: NVIDIA_SMI_MS })).stdout
  } catch {
    return ''
  }
}

/** The GPUs of this host, by index; in place of one that is divided, its MIG devices. */
export async function findGpus(query: QueryGpus, list: ListGpus): Promise<Gpu[]> {
  const gpus = await findWholeGpus(query)
  if (gpus.length === 0) return []
  const devices = parseMigDevices(await list(), gpus)
  return gpus.flatMap((gpu) => {
    const parts = devices.filter(({ index }) => index === gpu.index)
    return parts.length === 0 ? [gpu] : parts
  })
}

/**
 * The MIG devices in the output of `nvidia-smi -L`, each with the index of its GPU. Their memory is in the name of their
 * profile, in GB: the driver gives a bit more than that.
 */
export function parseMigDevices(text: string, gpus: readonly Gpu[]): Gpu[] {
  const devices: Gpu[] = []
  let index: number | undefined
  for (const line of text.split('\n')) {
    const gpu = /^GPU (\d+):/.exec(line)
    if (gpu) index = Number(gpu[1])
    const [, profile, uuid] = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/.exec(line) ?? []
    if (index === undefined || profile === undefined || uuid === undefined) continue
    const name = gpus.find((one) => one.index === index)?.name ?? 'GPU'
    const memory = /\.(\d+)gb/.exec(profile)?.[1]
    devices.push({
      index,
      uuid,
      name: `${name} MIG ${profile}`,
      ...(memory === undefined ? {} : { memoryBytes: Number(memory) * 1e9 }),
    })
  }
  return devices
}

async function findWholeGpus(query: QueryGpus): Promise<Gpu[]> {
  const rows = await query('index,uuid,name,memory.total')
  return rows.flatMap(([index, uuid, name, mebibytes]) => {
    if (index === undefined || !/^\d+$/.test(index)) return []
    const memory = Number(mebibytes)
    return [
      {
        index: Number(index),
        ...(uuid ? { uuid } : {}),
        ...(name ? { name } : {}),
        ...(Number.isFinite(memory) ? { memoryBytes: memory * 1024 * 1024 } : {}),
      },
    ]
  })
}
