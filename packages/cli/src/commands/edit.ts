import type { ChangeSweep } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import type { Options } from '../options.ts'
import { sweepFields } from '../sweep-record.ts'

export const command: Command = {
  async run(context, args, options) {
    const changes = readChanges(options)
    if (Object.keys(changes).length === 0) {
      throw usageError('What is to change?', 'Add --parallelism, --priority, --trials, --time or --gpu-hours.')
    }
    const client = await context.client()
    const sweep = await client.changeSweep(await resolveSweep(context, client, args[0] ?? ''), changes)
    context.say(`Sweep ${sweep.id} is changed.`)
    await context.printRecord(sweep, sweepFields(sweep), sweep.id)
    return undefined
  },
}

/** Only what was named changes; `none` lifts a limit. */
export function readChanges(options: Options): ChangeSweep {
  const unless = <T>(name: string, read: () => T | undefined): T | null | undefined =>
    options.text(name) === 'none' ? null : read()
  const parallelism = unless('parallelism', () => options.whole('parallelism'))
  const priority = options.number('priority', 0)
  const trials = unless('trials', () => options.whole('trials'))
  const wallMs = unless('time', () => options.durationMs('time'))
  const gpuHours = unless('gpuHours', () => options.number('gpuHours', 0))
  const budget = {
    ...(trials === undefined ? {} : { trials }),
    ...(wallMs === undefined ? {} : { wallMs }),
    ...(gpuHours === undefined ? {} : { gpuSeconds: gpuHours === null ? null : gpuHours * 3600 }),
  }
  return {
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(priority === undefined ? {} : { priority }),
    ...(Object.keys(budget).length === 0 ? {} : { budget }),
  }
}
