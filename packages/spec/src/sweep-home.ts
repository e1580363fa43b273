import { homedir } from 'node:os'
import { join } from 'node:path'

/** The folder of everything a local server keeps: `$SWEEP_HOME`, else `$XDG_DATA_HOME/sweep`, else `~/.local/share/sweep`. */
export function sweepHome(env: Readonly<Record<string, string | undefined>>): string {
  if (env['SWEEP_HOME']) return env['SWEEP_HOME']
  if (env['XDG_DATA_HOME']) return join(env['XDG_DATA_HOME'], 'sweep')
  return join(env['HOME'] || homedir(), '.local', 'share', 'sweep')
}
