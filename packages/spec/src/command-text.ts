import { type CommandContext, expandCommand } from './command-line.ts'
import type { SweepDocument } from './document/sweep-document.ts'
import type { Config } from './search-space.ts'
import { shellCommand } from './shell-words.ts'

/** The command line that runs a config by hand, from the sweep's folder. */
export function commandText(
  { command, space, program }: Pick<SweepDocument, 'command' | 'space' | 'program'>,
  config: Config,
  env: CommandContext['env'],
): string {
  const argv = expandCommand(command, {
    space,
    config,
    program,
    interpreter: 'python3',
    paramsFile: 'params.json',
    env,
  })
  // `/usr/bin/env python3` finds the same python3 as a shell does.
  return shellCommand(argv[0] === '/usr/bin/env' ? argv.slice(1) : argv)
}
