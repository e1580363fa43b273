import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { ReportFormat } from '@sweep/client/client'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT, usageError } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args, options) {
    const wanted = (['html', 'md'] as const).filter((format) => options.has(format))
    if (wanted.length > 1) throw usageError('--html and --md are two reports.', 'Ask for one after the other.')
    const format = wanted[0] ?? 'md'
    const client = await context.client()
    const id = await resolveSweep(context, client, args[0] ?? '')
    const text = await client.report(id, format)
    // A page is of no use on a terminal; text is.
    const file = options.text(format) ?? (format === 'html' ? `sweep-${id}.html` : '-')
    if (file === '-') {
      const isTty = context.process.stdout.isTTY === true
      if (context.isMachineReadable) await context.printData({ sweep: id, format, text })
      else context.write(isTty ? escapeLines(text) : text)
      return EXIT.ok
    }
    await save(context, id, file, format, text)
    return EXIT.ok
  },
}

async function save(context: CliContext, id: string, file: string, format: ReportFormat, text: string): Promise<void> {
  const path = resolve(context.process.cwd, file)
  // Whole or not at all: somebody may have the last one open.
  const unfinished = `${path}.unfinished`
  try {
    await writeFile(unfinished, text)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw usageError(`${basename(path)} can't be written to ${path} (${code}).`, 'Name a file in a folder of yours.')
  }
  const bytes = Buffer.byteLength(text)
  await context.printRecord({ sweep: id, format, file: path, bytes }, [['file', path]], path)
  context.say(`${Math.ceil(bytes / 1024)} KiB`)
}
