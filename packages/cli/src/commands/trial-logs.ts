import type { LogPage } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveTrial } from '../names.ts'
import { isJson, jsonText } from '../output.ts'
import { escapeLog } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args, options) {
    const attempt = options.whole('attempt')
    const client = await context.client()
    const { sweepId, number } = await resolveTrial(context, client, args)
    let end: number | undefined
    const print = (page: LogPage): void => {
      // Of very long output the middle is not kept.
      if (end !== undefined && page.offset > end) context.say(`… ${page.offset - end} bytes are not kept …`)
      end = page.next
      write(context, page)
    }
    if (options.flag('follow')) {
      const signal = context.process.interrupted()
      try {
        for await (const page of client.followLog(sweepId, number, { attempt, signal })) print(page)
      } catch (error) {
        if (!signal.aborted) throw error
        return EXIT.interrupted
      }
      return EXIT.ok
    }
    let after: number | undefined
    for (;;) {
      const page = await client.trialLog(sweepId, number, { attempt, after })
      if (page.text !== '') print(page)
      if (page.done || page.next === after || page.text === '') break
      after = page.next
    }
    if (end === undefined) context.say(`Trial ${sweepId}/${number} has printed nothing.`)
    return EXIT.ok
  },
}

function write(context: CliContext, page: LogPage): void {
  if (isJson(context.flags.output)) context.write(`${jsonText(page)}\n`)
  else context.write(context.process.stdout.isTTY === true ? escapeLog(page.text) : page.text)
}
