import type { Command } from '../command.ts'
import { completionScript, isShell, SHELLS } from '../completion-script.ts'
import { usageError } from '../exit-codes.ts'

export const command: Command = {
  async run(context, args) {
    const shell = args[0] ?? ''
    if (!isShell(shell)) throw usageError(`There is no completion for "${shell}".`, `Shells are ${SHELLS.join(', ')}.`)
    context.write(completionScript(shell))
    return undefined
  },
}
