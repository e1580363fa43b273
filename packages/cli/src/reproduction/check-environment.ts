import { execFile } from 'node:child_process'
import { arch, cpus, hostname, platform, release } from 'node:os'
import { promisify } from 'node:util'
import { PythonVersions, pythonPackages } from '@sweep/launchers/process/interpreter'
import type { RunEnvironment } from '@sweep/spec/run-environment'
import { gpusText } from './trial-differences.ts'

const run = promisify(execFile)
const NVIDIA_SMI_MS = 5000

/** Something that a run may depend on, and is otherwise here; undefined where it is missing. */
export interface EnvironmentDifference {
  readonly what: string
  readonly recorded: string | undefined
  readonly here: string | undefined
}

/** As far as it can be compared with what was recorded. */
export type Here = Pick<RunEnvironment, 'python' | 'packages' | 'gpus' | 'platform' | 'cpu' | 'hostname' | 'kernel'>

/** @param program the first word of the command that is not `/usr/bin/env` */
export async function environmentHere(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Here> {
  const [python, packages, gpus] = await Promise.all([
    new PythonVersions().of(program, cwd, env),
    pythonPackages(program, cwd, env),
    gpusHere(),
  ])
  return {
    ...{ python, packages, gpus, platform: `${platform()}-${arch()}`, cpu: cpus()[0]?.model ?? 'unknown' },
    ...{ hostname: hostname(), kernel: release() },
  }
}

async function gpusHere(): Promise<RunEnvironment['gpus']> {
  try {
    const { stdout } = await run('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], {
      timeout: NVIDIA_SMI_MS,
    })
    const names = stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
    return names.map((name) => ({ name, memoryBytes: undefined }))
  } catch {
    return undefined
  }
}

/** What is otherwise here, what matters most first. What was not recorded is not compared. */
export function environmentDifferences(recorded: RunEnvironment, here: Here): EnvironmentDifference[] {
  const differences: EnvironmentDifference[] = []
  const compare = (what: string, was: string | undefined, is: string | undefined) => {
    if (was !== undefined && was !== is) differences.push({ what, recorded: was, here: is })
  }
  compare('python', recorded.python, here.python)
  if (recorded.packages !== undefined && here.packages === undefined) {
    compare('packages', `${Object.keys(recorded.packages).length} known`, undefined)
  } else if (recorded.packages !== undefined) {
    const names = new Set([...Object.keys(recorded.packages), ...Object.keys(here.packages ?? {})])
    for (const name of names) {
      const [was, is] = [recorded.packages[name], here.packages?.[name]]
      if (was !== is) differences.push({ what: `package ${name}`, recorded: was, here: is })
    }
  }
  // Those of this machine are all it has; a run had some of its host's.
  const models = new Set(here.gpus?.map(({ name }) => name))
  const isModelHere = recorded.gpus?.every(({ name }) => name === undefined || models.has(name)) ?? true
  if (!isModelHere) compare('gpu', gpusText(recorded), gpusText(here) ?? 'none')
  compare('platform', recorded.platform, here.platform)
  compare('cpu', recorded.cpu, here.cpu)
  compare('kernel', recorded.kernel, here.kernel)
  compare('host', recorded.hostname, here.hostname)
  return differences
}
