import type { CliContext } from './context.ts'
import type { Options } from './options.ts'

/** What a file in `commands/` exports. */
export interface Command {
  /** Does it and answers with the exit code; undefined is 0. */
  run(context: CliContext, args: readonly string[], options: Options): Promise<number | undefined>
}
