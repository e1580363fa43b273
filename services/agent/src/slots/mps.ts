import { existsSync } from 'node:fs'
import { gpusOf, isMig } from '@sweep/spec/placement'
import type { Shape } from '@sweep/spec/wire/agent-protocol'
import type { Held } from './slot-table.ts'

/** Where the control daemon of MPS listens unless its environment says otherwise (NVIDIA, "Multi-Process Service"). */
const DEFAULT_PIPE = '/tmp/nvidia-mps'

/**
 * What programs that share a GPU get, where this host runs the control daemon of NVIDIA's MPS: the way to it, and how
 * many of the GPU's threads they may use, in percent.
 * @param env of the agent
 */
export function mpsVariables(
  env: Readonly<Record<string, string | undefined>>,
  held: Held,
  shape: Shape,
  exists: (path: string) => boolean = existsSync,
): Record<string, string> {
  const share = gpusOf(held.slots, shape)
  const isShared = shape.gpus !== 0 && held.slots.some(({ gpu, shares }) => gpu && shares !== undefined && !isMig(gpu))
  const pipe = env['CUDA_MPS_PIPE_DIRECTORY'] || DEFAULT_PIPE
  // A trial on all shares of a GPU has it alone.
  if (!isShared || share > 0.999 || !exists(pipe)) return {}
  const log = env['CUDA_MPS_LOG_DIRECTORY']
  return {
    CUDA_MPS_PIPE_DIRECTORY: pipe,
    ...(log ? { CUDA_MPS_LOG_DIRECTORY: log } : {}),
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(Math.floor(share * 100)),
  }
}
