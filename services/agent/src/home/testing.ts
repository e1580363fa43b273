import { AttemptId, SweepId } from '@sweep/spec/ids'
import type { LiveRecord } from './live-record.ts'

const sweepId = SweepId.parse('testsweep0')

/** Of the first attempt of a trial, as a process. */
export function liveRecord(trial: number): LiveRecord {
  return {
    assignment: {
      attemptId: AttemptId.parse(`${sweepId}-${trial}-1`),
      epoch: 1,
      token: 'swp_trial_x',
      sweepId,
      sweepName: 'test',
      trial,
      attempt: 1,
      seed: 7,
      config: {},
      space: { parameters: [] },
      command: ['true'],
      workdir: '/tmp',
      launcher: 'process',
      env: {},
      shape: {},
      capture: { stdout: 'auto', patterns: [] },
      graceMs: 1000,
    },
    place: { kind: 'process', pid: 1, startTime: 'boot:1' },
    slots: [0],
    gpus: [],
    argv: ['true'],
    startedAt: 0,
    stop: null,
  }
}
