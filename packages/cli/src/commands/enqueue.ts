import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { parseScalar } from '../parameter-spec.ts'
import { trialFields } from '../trial-record.ts'

export const command: Command = {
  async run(context, args, options) {
    const given = readConfig(options.list('param'))
    const client = await context.client()
    const id = await resolveSweep(context, client, args[0] ?? '')
    const { document } = await client.getSweep(id)
    const { completeConfig, validateConfig } = await import('@sweep/spec/validate-config')
    const config = completeConfig(document.space, given)
    for (const problem of validateConfig(document.space, config)) {
      const options = problem.hint === undefined ? {} : { hint: problem.hint }
      if (problem.severity === 'error') throw new SweepError('invalid-request', `${problem.message}.`, options)
      context.warn(`${problem.message}.`)
    }
    const trial = await client.enqueueTrial(id, { config, repeat: options.flag('repeat') })
    context.say(`Trial ${id}/${trial.number} is queued.`)
    await context.printRecord(trial, trialFields(trial), trial.id)
    return undefined
  },
}

/** `-p lr=3e-4 -p optimizer=adam`; a value may be JSON. */
export function readConfig(settings: readonly string[]): Config {
  if (settings.length === 0) throw usageError('Which config?', 'Write for example -p lr=3e-4 -p optimizer=adam.')
  const config: Record<string, Json> = {}
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const name = setting.slice(0, Math.max(0, equals))
    if (name === '') throw usageError(`-p "${setting}" does not say NAME=VALUE.`, 'Write for example -p lr=3e-4.')
    if (Object.hasOwn(config, name)) throw usageError(`-p ${name} is given twice.`)
    config[name] = readValue(setting.slice(equals + 1))
  }
  return config
}

function readValue(text: string): Json {
  if (/^[[{"]/.test(text)) {
    try {
      return JSON.parse(text) as Json
    } catch {
      return text
    }
  }
  return parseScalar(text) as Json
}
