import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SweepError } from '@sweep/spec/errors'
import { commandLineOf } from '../best-command.ts'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { createOnServer } from '../created.ts'
import { EXIT } from '../exit-codes.ts'
import { loadLeaderboard, printLeaderboard } from '../leaderboard-rows.ts'
import { ensureServer } from '../local/ensure-server.ts'
import { findPackageFile } from '../local/package-files.ts'
import { runningServer, type ServerFile, stopServer } from '../local/server-process.ts'
import { checkDocument } from '../sweep-files.ts'
import { escapeLines } from '../terminal/terminal-text.ts'
import { endExitCode, watchSweep } from '../watch/watch-sweep.ts'

const DEMO = 'sweeps/digits/sweep.yaml'

export const command: Command = {
  async run(context, _args, options) {
    const path = findPackageFile(DEMO)
    if (path === undefined) {
      throw new SweepError('not-found', `${DEMO} is missing from this installation.`, { hint: 'Install sweep again.' })
    }
    // From here on Ctrl-C is ours: what was started must be stopped.
    context.process.interrupted()
    const started = await ensureServer(context, { slots: 2 })
    try {
      return await sweepDigits(context, path)
    } finally {
      if (started === undefined) context.say(`\nThe server is at ${context.address}, as before.`)
      else await leave(context, started, options.flag('keep'))
    }
  },
}

async function sweepDigits(context: CliContext, path: string): Promise<number> {
  const source = await readFile(path, 'utf8')
  const file = { source, file: DEMO, workdir: dirname(path) }
  const { document } = await checkDocument(context, file, {})
  const { created } = await createOnServer(context, file, {}, document)
  context.say(`Sweeping ${path}\nThe same, live in a browser: ${context.address}\n`)
  const { sweep, isDetached } = await watchSweep(context, created.sweep.id)
  if (isDetached) return EXIT.interrupted
  const rows = await loadLeaderboard(await context.client(), sweep.id, 10)
  if (!context.isMachineReadable) context.write('\n')
  await printLeaderboard(context, rows, sweep)
  if (sweep.best !== null) {
    const line = await commandLineOf(sweep.document, sweep.best.config, context.process.environment)
    context.say(`\nThe best config as a command line, to be run in ${sweep.workdir}:`)
    if (!context.isMachineReadable) context.write(`${escapeLines(line)}\n`)
  }
  return endExitCode(sweep)
}

/** Stops the server unless it is to stay; one that somebody else started in between is theirs. */
async function leave(context: CliContext, started: ServerFile, keeps: boolean): Promise<void> {
  if (keeps) {
    context.say(`\nThe server stays at ${started.url}; \`sweep server stop\` ends it.`)
    return
  }
  const running = await runningServer(context.settings.home)
  if (running !== undefined && running.pid !== started.pid) {
    context.say(`\nThe server was started again meanwhile and runs at ${running.url}; \`sweep server stop\` ends it.`)
    return
  }
  if (running !== undefined) await stopServer(context, running)
  context.say(
    `\nThe server at ${started.url} has been stopped. \`sweep server start\` starts it again, with this sweep in it;` +
      '\n`sweep demo --keep` leaves it running.',
  )
}
