import type { Environment } from '@sweep/spec/environment'
import type { Config } from '@sweep/spec/search-space'

/**
 * What a program gets of the agent's environment: what programs need to find themselves, their libraries, their devices
 * and their caches, and no secrets. `SWEEP_PASS_ENV` adds to it on the host, `env:` in the sweep file.
 */
const INHERITED = [
  'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP TERM LC_* XDG_*',
  'LD_LIBRARY_PATH DYLD_* LIBRARY_PATH PYTHON* VIRTUAL_ENV CONDA_* MAMBA_* PYENV_* UV_* JAVA_HOME R_LIBS* JULIA_*',
  'CUDA_* CUDNN_* NVIDIA_* NCCL_* ROCR_* HIP_* HSA_* ONEAPI_* GPU_* XLA_* TF_* TORCH_* PYTORCH_* JAX_* KERAS_* TRITON_*',
  'OMP_* MKL_* OPENBLAS_* NUMEXPR_* KMP_* BLIS_* MALLOC_* HF_HOME HF_HUB_* HF_DATASETS_* TRANSFORMERS_* MPLBACKEND',
  'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy SSL_CERT_* REQUESTS_CA_BUNDLE',
  'SLURM_* MODULEPATH LOADEDMODULES',
].flatMap((line) => line.split(' '))

/** A value this long would keep any program from starting (Linux takes 128 KiB); it is in `params.json` all the same. */
const LONGEST_VALUE = 64 * 1024

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')))
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1))
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

/** What programs get of the agent's environment; the same for all, so made once. */
export interface Inherited {
  /** For programs that run on this host. */
  readonly onHost: Readonly<Record<string, string>>
  /** For those that run elsewhere: only what was asked for by name, as the paths in the rest mean nothing there. */
  readonly elsewhere: Readonly<Record<string, string>>
}

export function inheritedEnvironment(env: Environment, passEnv: readonly string[]): Inherited {
  return { onHost: matching(env, [...INHERITED, ...passEnv]), elsewhere: matching(env, passEnv) }
}

function matching(env: Environment, patterns: readonly string[]): Record<string, string> {
  const matches = matcher(patterns)
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && matches(entry[0])),
  )
}

/** `PARAM_<name>`; a name with characters that no shell variable may have is also there with underscores for them. */
export function parameterVariables(config: Config): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(config)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text.length > LONGEST_VALUE || text.includes('\0') || /[=\0]/.test(name)) continue
    variables[`PARAM_${name}`] = text
    const plain = name.replace(/[^A-Za-z0-9_]/g, '_')
    if (plain !== name) variables[`PARAM_${plain}`] ??= text
  }
  return variables
}
