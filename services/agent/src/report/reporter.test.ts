import { SweepError } from '@sweep/spec/errors'
import pino from 'pino'
import { expect, test, vi } from 'vitest'
import type { RunReports } from '../run/run-reports.ts'
import type { ServerApi } from '../server/server-api.ts'
import { Reporter, type Reporting } from './reporter.ts'

/** Always has one more report, until the server has taken one. */
function talkative(id: string, taken: string[]): Reporting {
  const sent = { report: { attemptId: id, epoch: 1 }, piece: undefined, samples: 0, isLast: false }
  const reports = {
    next: async () => (taken.includes(id) ? null : sent),
    accept: () => {
      taken.push(id)
      return 'whole'
    },
  }
  return {
    id,
    reports: reports as unknown as RunReports,
    clearedSlots: undefined,
    onStatus: () => undefined,
    onAcknowledged: () => undefined,
  }
}

test('of many over which the server breaks the first ones do not keep the others from their turn', async () => {
  const taken: string[] = []
  const api = {
    report: async (texts: readonly string[]) => {
      if (texts.some((text) => text.includes('poison'))) throw new SweepError('internal', 'broken', { retryable: true })
      return { attempts: texts.map((text) => ({ ...JSON.parse(text), status: 'ok', stop: null })) }
    },
  }
  const reporter = new Reporter({
    api: api as unknown as ServerApi,
    times: () => ({ wall: 0, steady: 0 }),
    // Waits come to nothing.
    random: () => -1,
    log: pino({ level: 'silent' }),
    ride: () => undefined,
  })
  for (const id of ['poison-1', 'poison-2', 'poison-3', 'good']) {
    const run = talkative(id, taken)
    reporter.add(run)
    reporter.wake(run)
  }
  void reporter.run()
  await vi.waitFor(() => expect(taken).toEqual(['good']), { timeout: 5000, interval: 5 })
  reporter.close()
})
