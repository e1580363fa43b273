import { assertNever } from '@sweep/spec/assert-never'
import type { StopReason } from '@sweep/spec/attempt'
import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { TrialView } from '@sweep/spec/wire/api'
import { askStop } from '@sweep/store/stops'
import { requeueTrial } from '@sweep/store/trials'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { knownSweep } from '../sweeps/sweep-routes.ts'
import { knownTrial, shownTrial, TrialPath, tellQueued } from './trial-routes.ts'

const STOPS = [
  ['stop', 'stopped', 'End the running trial; what it reported counts'],
  ['prune', 'pruned', 'End the trial as one that is not worth going on with'],
  ['cancel', 'cancelled', 'Kill the trial; it does not count'],
] as const satisfies readonly (readonly [string, StopReason, string])[]

export function addTrialControlRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  for (const [action, reason, summary] of STOPS) {
    app.post(
      `/sweeps/:id/trials/:number/${action}`,
      { config: { access: 'operator' }, schema: { summary, params: TrialPath, response: { 200: TrialView } } },
      async (request) => {
        const { id, number } = request.params
        const by = principalName(request.principal)
        await stopTrial({ id, number, action, reason, by }, context)
        log.info({ sweepId: id, trial: number, action, by }, 'trial controlled')
        return shownTrial(id, number, context)
      },
    )
  }

  app.post(
    '/sweeps/:id/trials/:number/retry',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Run a failed or cancelled trial once more, or a paused one on',
        params: TrialPath,
        response: { 200: TrialView },
      },
    },
    async (request) => {
      const { id, number } = request.params
      const by = principalName(request.principal)
      const result = await requeueTrial(database, { sweepId: id, trial: number, by })
      switch (result.result) {
        case 'requeued':
          tellQueued(id, result.attempt, context)
          log.info({ sweepId: id, trial: number, by }, 'trial requeued')
          return shownTrial(id, number, context)
        case 'refused':
          throw new SweepError(
            'conflict',
            `trial ${number} is ${result.state}; only a failed, cancelled or paused one can be run again`,
            {
              hint: 'To run its config once more, enqueue it with `repeat`.',
            },
          )
        case 'sweep-over':
          throw new SweepError('conflict', `sweep ${id} takes no more trials: it is over, or about to be`)
        case 'not-found':
          await knownSweep(id, context)
          return shownTrial(id, number, context)
        default:
          return assertNever(result)
      }
    },
  )
}

interface StopTrial {
  readonly id: SweepId
  readonly number: number
  readonly action: string
  readonly reason: StopReason
  readonly by: string
}

async function stopTrial({ id, number, action, reason, by }: StopTrial, context: ApiContext): Promise<void> {
  const { database, notifier } = context
  const sweep = await knownSweep(id, context)
  const trial = await knownTrial(id, number, context)
  const verdict = { reason: `${by} asked for it` }
  const stops = [{ trial: number, reason, verdict }]
  const [result] = await askStop(database, { sweepId: id, basis: sweep.factSeq, by, stops })
  switch (result?.result) {
    case 'asked':
    case 'already':
      notifier.tell('attempt_stop', [result.agentId])
      notifier.tell('sweep_changed', [id])
      return
    case 'ended':
      notifier.tell('sweep_changed', [id])
      return
    case 'idle':
    case 'not-found':
    case undefined:
      throw new SweepError('conflict', `trial ${number} is ${trial.state}: there is nothing to ${action}`)
    default:
      assertNever(result)
  }
}
