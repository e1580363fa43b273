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

/** The GPUs of this host, by index. */
export async function findGpus(query: QueryGpus): Promise<Gpu[]> {
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
