import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sweepHome } from '@sweep/spec/sweep-home'
import { makeFolder } from '../make-folder.ts'

/**
 * `$SWEEP_SPOOL`, else `spool` in the home folder of sweep, else a folder for temporary files. In a trial that can't reach
 * its server, `spool` of the run folder: the home may be that of a container, and gone with it. As the Python SDK has it.
 */
export function spoolRoot(env: Readonly<Record<string, string | undefined>>): string {
  if (env['SWEEP_SPOOL']) return env['SWEEP_SPOOL']
  if (env['SWEEP_RUN_DIR'] && !env['SWEEP_URL']) return join(env['SWEEP_RUN_DIR'], 'spool')
  const wanted = join(sweepHome(env), 'spool')
  try {
    makeFolder(wanted, 0o700)
    accessSync(wanted, constants.W_OK | constants.X_OK)
    return wanted
  } catch {
    return join(tmpdir(), `sweep-spool-${process.getuid?.() ?? ''}`)
  }
}
