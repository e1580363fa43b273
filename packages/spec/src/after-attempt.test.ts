import { expect, test } from 'vitest'
import { type AttemptEnd, afterAttempt, type MetricSeen } from './after-attempt.ts'
import { CAUSE_POLICY, CAUSES } from './attempt.ts'
import { SWEEP_STATES } from './sweep-state.ts'
import { nextState } from './trial.ts'

function seen(name: string, reports: number, finiteReports = reports): MetricSeen {
  return { name, reports, finiteReports }
}

function end(changes: Partial<AttemptEnd>): AttemptEnd {
  return {
    cause: 'succeeded',
    message: '',
    retry: { max: 0, lostMax: 3 },
    sweepState: 'running',
    metrics: [seen('val_loss', 3)],
    namesSeen: [],
    userFailures: 0,
    lostFailures: 0,
    failedOn: [],
    ...changes,
  }
}

test('every cause leads a running trial to a state, in every state of the sweep', () => {
  for (const cause of CAUSES) {
    for (const sweepState of SWEEP_STATES) {
      const after = afterAttempt(end({ cause, sweepState }))
      expect(nextState('running', after.event), `${cause} while ${sweepState}`).toBeDefined()
      expect(after.reason).not.toBe('')
    }
  }
})

test('a program that ends well completes its trial', () => {
  expect(afterAttempt(end({}))).toMatchObject({ cause: 'succeeded', event: 'complete', userFailures: 0 })
})

test('without a metric in the sweep nothing has to be reported', () => {
  expect(afterAttempt(end({ metrics: [] })).event).toBe('complete')
})

test('a metric that was never reported fails the trial, with the names seen and the one that was meant', () => {
  const after = afterAttempt(
    end({ metrics: [seen('val_loss', 0)], namesSeen: ['valloss', 'accuracy', 'system/cpu_percent'] }),
  )
  expect(after).toMatchObject({ cause: 'no-metric', event: 'fail', userFailures: 1 })
  expect(after.message).toBe(
    'The program ended without reporting "val_loss"; it reported "valloss", "accuracy". Did you mean "valloss"?',
  )
})

test('a program that reported nothing at all is told so', () => {
  const { message } = afterAttempt(end({ metrics: [seen('val_loss', 0)] }))
  expect(message).toBe('The program ended without reporting "val_loss", nor any other metric.')
})

test('only NaN and infinities are cause nan; one finite value is enough to complete', () => {
  expect(afterAttempt(end({ metrics: [seen('val_loss', 4, 0)] }))).toMatchObject({ cause: 'nan', event: 'fail' })
  expect(afterAttempt(end({ metrics: [seen('val_loss', 4, 1)] }))).toMatchObject({
    cause: 'succeeded',
    event: 'complete',
  })
})

test('failures of the program are tried again as often as retry.max says', () => {
  const retry = { max: 2, lostMax: 0 }
  const events = [0, 1, 2].map((userFailures) => afterAttempt(end({ cause: 'user-error', retry, userFailures })).event)
  expect(events).toEqual(['retry', 'retry', 'fail'])
})

test('what fails on two hosts is the fault of the config, however many retries are left', () => {
  const retry = { max: 5, lostMax: 5 }
  expect(afterAttempt(end({ cause: 'user-error', retry, userFailures: 1, failedOn: ['host-2'] }))).toMatchObject({
    event: 'fail',
    reason: 'the program exited with an error; it failed on host-2 too, so no further host is tried',
  })
  expect(afterAttempt(end({ cause: 'lost', retry, userFailures: 1, failedOn: ['host-2'] })).event).toBe('retry')
  expect(afterAttempt(end({ failedOn: ['host-2'] })).event).toBe('complete')
})

test('lost attempts are tried again as often as retry.lostMax says, and do not count as the program’s', () => {
  const retry = { max: 0, lostMax: 1 }
  expect(afterAttempt(end({ cause: 'lost', retry }))).toMatchObject({
    event: 'retry',
    lostFailures: 1,
    userFailures: 0,
  })
  expect(afterAttempt(end({ cause: 'lost', retry, lostFailures: 1 }))).toMatchObject({ event: 'fail', lostFailures: 2 })
})

test('an attempt given back before it started is tried again without counting', () => {
  const after = afterAttempt(end({ cause: 'withdrawn', retry: { max: 0, lostMax: 0 } }))
  expect(after).toMatchObject({ event: 'retry', lostFailures: 0, userFailures: 0 })
})

test('a paused sweep goes on later, so its lost trials are queued again', () => {
  expect(afterAttempt(end({ cause: 'lost', sweepState: 'paused' })).event).toBe('retry')
})

test('a sweep that winds down tries nothing again', () => {
  for (const sweepState of ['stopping', 'cancelling', 'stopped', 'cancelled', 'completed'] as const) {
    expect(afterAttempt(end({ cause: 'lost', sweepState })).event).toBe('cancel')
    expect(afterAttempt(end({ cause: 'user-error', sweepState, retry: { max: 5, lostMax: 5 } })).event).toBe('fail')
  }
})

test('causes that are nobody’s fault follow the table', () => {
  for (const cause of CAUSES) {
    const policy = CAUSE_POLICY[cause]
    if (policy.fault === 'none') expect(afterAttempt(end({ cause })).event).toBe(policy.event)
  }
})

test('of several metrics each has to be reported, and be finite once', () => {
  const missing = afterAttempt(
    end({ metrics: [seen('val_loss', 3, 0), seen('latency_ms', 0), seen('size', 0)], namesSeen: ['latency'] }),
  )
  expect(missing).toMatchObject({ cause: 'no-metric', event: 'fail' })
  expect(missing.message).toContain('without reporting "latency_ms"')
  const unusable = afterAttempt(end({ metrics: [seen('val_loss', 3), seen('latency_ms', 2, 0)] }))
  expect(unusable).toMatchObject({ cause: 'nan', event: 'fail' })
  expect(unusable.message).toBe('Every value of "latency_ms" was NaN or infinite (2 reported).')
  expect(afterAttempt(end({ metrics: [seen('val_loss', 3), seen('latency_ms', 2, 1)] })).event).toBe('complete')
})
