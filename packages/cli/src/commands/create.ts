import type { Command } from '../command.ts'
import { createOnServer, sayCreated } from '../created.ts'
import { EXIT } from '../exit-codes.ts'
import { ensureServer } from '../local/ensure-server.ts'
import { checkDocument, readOverrides, readSweepFile } from '../sweep-files.ts'
import { sweepFields } from '../sweep-record.ts'
import { waitForEnd } from '../watch/wait-for.ts'
import { endExitCode, watchSweep } from '../watch/watch-sweep.ts'

export const command: Command = {
  async run(context, args, options) {
    const file = await readSweepFile(context, args[0] ?? '', options.text('workdir'))
    const given = {
      ...readOverrides(options.list('set')),
      ...(options.notDenied('snapshot') ? {} : { code: 'none' }),
    }
    const { document, overrides } = await checkDocument(context, file, given)
    if (options.flag('dryRun')) {
      if (context.isMachineReadable) await context.printData(document)
      else context.say(`${file.file} is fine; nothing was created.`)
      return EXIT.ok
    }
    await ensureServer(context)
    const { created } = await createOnServer(context, file, overrides, document)
    const { sweep } = created
    sayCreated(context, sweep)
    const watches = options.flag('watch')
    if (!watches && !options.flag('wait')) {
      await context.printRecord(created, sweepFields(sweep), sweep.id)
      return EXIT.ok
    }
    if (watches && !context.isMachineReadable) {
      const result = await watchSweep(context, sweep.id)
      if (result.isDetached) return EXIT.interrupted
      return endExitCode(result.sweep)
    }
    const ended = await waitForEnd(context, sweep.id)
    await context.printRecord(ended, sweepFields(ended), ended.id)
    return endExitCode(ended)
  },
}
