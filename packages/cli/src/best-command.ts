import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import type { Environment } from './settings.ts'

/** The command line that runs a config by hand, from the sweep's folder. */
export async function commandLineOf(document: SweepDocument, config: Config, env: Environment): Promise<string> {
  const { expandCommand } = await import('@sweep/spec/command-line')
  const { shellCommand } = await import('@sweep/spec/shell-words')
  const argv = expandCommand(document.command, {
    space: document.space,
    config,
    program: document.program,
    interpreter: 'python3',
    paramsFile: 'params.json',
    env,
  })
  // `/usr/bin/env python3` finds the same python3 as a shell does.
  return shellCommand(argv[0] === '/usr/bin/env' ? argv.slice(1) : argv)
}
