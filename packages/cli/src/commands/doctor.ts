import type { Command } from '../command.ts'
import type { Check } from '../doctor/check.ts'
import { runChecks } from '../doctor/checks.ts'
import { EXIT } from '../exit-codes.ts'
import { escapeText, padText } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context) {
    const checks = await runChecks(context)
    const isRed = checks.some((check) => check.status === 'red')
    if (context.isMachineReadable || context.process.stdout.isTTY !== true) {
      await context.printRows(
        checks,
        [
          { name: 'check', value: (check) => check.name },
          { name: 'status', value: (check) => check.status },
          { name: 'seen', value: (check) => check.seen },
          { name: 'fix', value: (check) => check.fix },
        ],
        (check) => check.name,
      )
    } else {
      const width = Math.max(...checks.map((check) => check.name.length))
      for (const check of checks) context.write(lineOf(check, width, context.colors))
    }
    return isRed ? EXIT.failed : EXIT.ok
  },
}

function lineOf(
  check: Check,
  width: number,
  colors: { green(text: string): string; yellow(text: string): string; red(text: string): string },
): string {
  const mark = { green: colors.green('✓'), yellow: colors.yellow('!'), red: colors.red('✗') }[check.status]
  const fix = check.fix === undefined ? '' : `\n  ${' '.repeat(width)}  ${escapeText(check.fix)}`
  return `${mark} ${padText(check.name, width)}  ${escapeText(check.seen)}${fix}\n`
}
