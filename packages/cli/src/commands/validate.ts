import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { jsonText } from '../output.ts'
import { checkDocument, readOverrides, readSweepFile } from '../sweep-files.ts'

export const command: Command = {
  async run(context, args, options) {
    if (options.flag('schema')) {
      const { sweepJsonSchema } = await import('@sweep/spec/document/json-schema')
      context.write(`${jsonText(sweepJsonSchema(), 2)}\n`)
      return undefined
    }
    if (args[0] === undefined) throw usageError('Which file?', 'Write `sweep validate sweep.yaml`.')
    const file = await readSweepFile(context, args[0])
    const { document, warnings } = await checkDocument(context, file, readOverrides(options.list('set')))
    if (context.isMachineReadable) await context.printData({ document, warnings })
    else context.say(`${file.file} is fine${warnings.length === 0 ? '' : `, with ${warnings.length} warnings`}.`)
    return undefined
  },
}
