import { inheritedEnvironment } from '@sweep/launchers/inherited-environment'
import { Assignment } from '@sweep/spec/wire/agent-protocol'
import { expect, test } from 'vitest'
import { type ProgramEnvironmentOptions, programEnvironment } from './program-environment.ts'

const ASSIGNMENT = Assignment.parse({
  ...{ attemptId: '0123456789-7-2', epoch: 3, token: 'swp_trial_x', sweepId: '0123456789', sweepName: 's', trial: 7 },
  ...{
    attempt: 2,
    seed: 1,
    config: { lr: 0.1 },
    space: { parameters: [] },
    command: ['python3'],
    workdir: '/w',
    env: {},
  },
  ...{ shape: {}, capture: {}, graceMs: 1000 },
})

function environment(own: Record<string, string>, host: Record<string, string> = {}, passEnv: string[] = []) {
  const folder = { path: '/r', params: '/r/params.json', metrics: '/r/metrics.jsonl' }
  const env = programEnvironment({
    inherited: inheritedEnvironment(host, passEnv).onHost,
    assignment: { ...ASSIGNMENT, env: own },
    folder: folder as ProgramEnvironmentOptions['folder'],
    ...{ held: { slots: [], cpus: 1, memoryBytes: 1 }, url: 'http://server:4600' },
    ...{ agentHome: '/home', sdkFolder: undefined },
  })
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('MLFLOW_')))
}

test('MLflow’s clients are told the server, the run of the trial, its experiment and its token', () => {
  expect(environment({ MLFLOW_EXPERIMENT_NAME: 'mine' })).toEqual({
    MLFLOW_TRACKING_URI: 'http://server:4600',
    MLFLOW_TRACKING_TOKEN: 'swp_trial_x',
    MLFLOW_RUN_ID: '0123456789-7',
    MLFLOW_EXPERIMENT_ID: '0123456789',
    MLFLOW_EXPERIMENT_NAME: 'mine',
  })
})

test('a server that the user has named for them stands, with all that belongs to it', () => {
  const own = {
    MLFLOW_TRACKING_URI: 'http://mlflow:5000',
    MLFLOW_TRACKING_USERNAME: 'u',
    MLFLOW_TRACKING_PASSWORD: 'p',
  }
  expect(environment(own)).toEqual(own)
  expect(environment({}, own, ['MLFLOW_*'])).toEqual(own)
})

test('the empty address keeps them from being told anything, and what the host has is not passed on unasked', () => {
  expect(environment({ MLFLOW_TRACKING_URI: '' })).toEqual({})
  expect(environment({}, { MLFLOW_TRACKING_URI: 'http://mlflow:5000' })).toMatchObject({
    MLFLOW_TRACKING_URI: 'http://server:4600',
  })
})
