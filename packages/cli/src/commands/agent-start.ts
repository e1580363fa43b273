import { SweepError } from '@sweep/spec/errors'
import type { Command } from '../command.ts'
import { builtFile } from '../local/package-files.ts'
import { readGpus, runAttached } from './server-start.ts'

export const command: Command = {
  async run(context, _args, options) {
    const connection = await context.findConnection()
    if (connection === undefined) {
      throw new SweepError('unreachable', 'An agent needs a server, and none is configured.', {
        hint: 'Add --server URL and --token TOKEN (`sweep token create --join` on the server makes one).',
      })
    }
    if (connection.token === undefined) {
      throw new SweepError('unauthenticated', `The server at ${connection.url} wants a token.`, {
        hint: 'Add --token TOKEN; `sweep token create --join` on the server makes one.',
      })
    }
    const env: Record<string, string> = {}
    for (const [name, value] of Object.entries(context.process.environment)) if (value !== undefined) env[name] = value
    const slots = options.whole('slots')
    const slotsPerGpu = options.whole('slotsPerGpu')
    const gpus = readGpus(options.text('gpus'))
    const name = options.text('name')
    const queues = options.list('queue')
    const kubeconfig = options.text('kubeconfig')
    const launchers = options.text('launchers')
    const labels = options.text('labels')
    const claim = options.text('claim')
    const keepRuns = options.text('keepRuns')
    Object.assign(env, {
      SWEEP_URL: connection.url,
      SWEEP_TOKEN: connection.token,
      SWEEP_HOME: context.settings.home,
      ...(slots === undefined ? {} : { SWEEP_SLOTS: String(slots) }),
      ...(slotsPerGpu === undefined ? {} : { SWEEP_SLOTS_PER_GPU: String(slotsPerGpu) }),
      ...(gpus === undefined ? {} : { SWEEP_GPUS: gpus }),
      ...(name === undefined ? {} : { SWEEP_AGENT_NAME: name }),
      ...(queues.length === 0 ? {} : { SWEEP_QUEUES: queues.join(',') }),
      ...(launchers === undefined ? {} : { SWEEP_LAUNCHERS: launchers }),
      ...(labels === undefined ? {} : { SWEEP_LABELS: labels }),
      ...(claim === undefined ? {} : { SWEEP_CLAIM: claim }),
      ...(keepRuns === undefined ? {} : { SWEEP_KEEP_RUNS: keepRuns }),
      ...(kubeconfig === undefined ? {} : { SWEEP_KUBECONFIG: kubeconfig }),
    })
    return runAttached(context, [builtFile('agent.js')], env)
  },
}
