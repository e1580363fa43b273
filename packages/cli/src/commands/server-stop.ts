import { SweepError } from '@sweep/spec/errors'
import type { Command } from '../command.ts'
import { healthOf, runningServer, stopServer } from '../local/server-process.ts'

const STOP_TIMEOUT_MS = 90_000

export const command: Command = {
  async run(context) {
    const server = await runningServer(context.settings.home)
    if (server === undefined) {
      context.say(`No server runs here (${context.settings.home}).`)
      await context.printRecord({ stopped: false }, [['stopped', false]], '')
      return undefined
    }
    if ((await healthOf(server.url)) !== undefined) {
      const { sweeps } = await (await context.client()).listSweeps({ limit: 100 }).catch(() => ({ sweeps: [] }))
      const running = sweeps.reduce((sum, sweep) => sum + sweep.trials.running, 0)
      if (running > 0) {
        context.say(
          `${running} running ${running === 1 ? 'trial is' : 'trials are'} stopped and put back in the queue; ` +
            'they go on from their last checkpoint when the server starts again.',
        )
      }
    }
    context.say(`Stopping the server at ${server.url} …`)
    if (!(await stopServer(context, server, STOP_TIMEOUT_MS))) {
      throw new SweepError(
        'internal',
        `The server (process ${server.pid}) has not ended after ${STOP_TIMEOUT_MS / 1000} s.`,
        {
          hint: `Look into ${context.settings.home}/server.log; \`kill -9 ${server.pid}\` ends it, nothing stored is lost.`,
        },
      )
    }
    context.say('The server has ended.')
    await context.printRecord(
      { stopped: true, ...server },
      [
        ['stopped', true],
        ['url', server.url],
      ],
      server.url,
    )
    return undefined
  },
}
