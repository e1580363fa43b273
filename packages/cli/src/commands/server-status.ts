import { isSweepOver } from '@sweep/spec/sweep-state'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { warnOfOtherVersion } from '../local/ensure-server.ts'
import { healthOf, runningServer } from '../local/server-process.ts'
import { serverFields } from '../server-record.ts'

export const command: Command = {
  async run(context) {
    const server = await runningServer(context.settings.home)
    if (server === undefined) {
      context.say(`No server runs here (${context.settings.home}). \`sweep server start\` starts one.`)
      await context.printRecord({ running: false }, [['running', false]], '')
      return EXIT.unreachable
    }
    const health = await healthOf(server.url)
    const sweeps = await (await context.client())
      .listSweeps({ limit: 100 })
      .then((page) => page.sweeps)
      .catch(() => undefined)
    const active = sweeps?.filter((sweep) => !isSweepOver(sweep.state))
    const trials = active?.reduce((sum, sweep) => sum + sweep.trials.running, 0)
    await context.printRecord(
      {
        running: true,
        ...server,
        health: health ?? null,
        activeSweeps: active?.length ?? null,
        runningTrials: trials ?? null,
      },
      [
        ['running', true],
        ['health', health?.status ?? 'does not answer'],
        ...serverFields(server, context),
        ['active sweeps', active?.length],
        ['running trials', trials],
      ],
      server.url,
    )
    if (health === undefined) {
      context.warn(
        `process ${server.pid} is there, but ${server.url} does not answer; see ${context.settings.home}/server.log`,
      )
      return EXIT.unreachable
    }
    await warnOfOtherVersion(context)
    return EXIT.ok
  },
}
