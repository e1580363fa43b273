import type { Container } from '@sweep/spec/document/sweep-document'
import { expect, test } from 'vitest'
import type { LaunchSpec } from '../launcher.ts'
import { type ContainerFacts, containerOptions } from './container-options.ts'

const SPEC: LaunchSpec = {
  id: 'abc-1-1',
  agent: { id: 'home1', home: '/home/me/.local/share/sweep/agents/a' },
  labels: { sweep: 'abc', trial: 1, attempt: 1, epoch: 2 },
  argv: ['python3', 'train.py', '--lr=0.1'],
  cwd: '/code',
  env: { SWEEP_URL: 'http://127.0.0.1:4600', PYTHONPATH: '/sdk' },
  params: { lr: 0.1 },
  runFolder: '/runs/abc-1-1',
  sdkFolder: '/sdk',
  gpus: undefined,
  resources: {},
  graceMs: 1000,
  outputPath: '/runs/abc-1-1/output.log',
  exitPath: '/runs/abc-1-1/exit',
}
const PLAIN: Container = { image: 'my/train:1', pull: 'missing', mounts: [], network: 'bridge' }

function options(spec: Partial<LaunchSpec> = {}, container = {}, facts: Partial<ContainerFacts> = {}) {
  const whole = { user: '1000:1000', imageEnv: [], ...facts, container: { ...PLAIN, ...container } }
  const made = containerOptions({ ...SPEC, ...spec }, whole)
  const env = Object.fromEntries((made.Env ?? []).map((item) => item.split(/=(.*)/s).slice(0, 2)))
  const mounts = (made.HostConfig?.Mounts ?? []).map(
    ({ Source, Target, ReadOnly }) => `${Source}:${Target}${ReadOnly ? ':ro' : ''}`,
  )
  return { ...made, env, mounts, host: made.HostConfig }
}

test('it is found again by its labels, and its name says what it is', () => {
  const { name, Labels } = options()
  expect(name).toBe('sweep-abc-1-1-2')
  expect(Labels).toMatchObject({ 'sweep.agent': 'home1', 'sweep.attempt-id': 'abc-1-1', 'sweep.epoch': '2' })
})

test('the folders of the run, the sweep and the SDK are where they are on the host', () => {
  expect(options()).toMatchObject({
    WorkingDir: '/code',
    mounts: ['/runs/abc-1-1:/runs/abc-1-1', '/code:/code', '/sdk:/sdk:ro'],
  })
  expect(options({ restore: '/runs/abc-1-0/checkpoints/5' }).mounts).toContain(
    '/runs/abc-1-0/checkpoints/5:/runs/abc-1-0/checkpoints/5:ro',
  )
})

test('with a folder of the image the sweep’s own is not mounted, but may be, anywhere', () => {
  const mounts = [
    { source: '.', target: '/workspace', readOnly: false },
    { source: '/data', target: '/data', readOnly: true },
  ]
  expect(options({}, { workdir: '/workspace', mounts })).toMatchObject({
    WorkingDir: '/workspace',
    mounts: ['/code:/workspace', '/data:/data:ro', '/runs/abc-1-1:/runs/abc-1-1', '/sdk:/sdk:ro'],
  })
})

test('a mount takes the place of ours at the same target', () => {
  const mounts = [{ source: '/other', target: '/code', readOnly: true }]
  expect(options({}, { mounts }).mounts).toEqual(['/other:/code:ro', '/runs/abc-1-1:/runs/abc-1-1', '/sdk:/sdk:ro'])
})

test('it runs as the agent’s user unless the sweep names one, with a home that can be written to', () => {
  expect(options()).toMatchObject({ User: '1000:1000', env: { HOME: '/tmp' } })
  expect(options({ env: { HOME: '/code' } }).env['HOME']).toBe('/code')
  const named = options({}, { user: 'trainer' })
  expect([named.User, named.env['HOME']]).toEqual(['trainer', undefined])
  expect(options({}, {}, { user: '0:0' }).env['HOME']).toBeUndefined()
})

test('CPUs, memory and shared memory are what the sweep says', () => {
  const { host } = options({ resources: { cpus: 1.5, memoryBytes: 2 ** 30 } }, { shmBytes: 2 ** 31 })
  expect(host).toMatchObject({ NanoCpus: 1_500_000_000, Memory: 2 ** 30, MemorySwap: 2 ** 30, ShmSize: 2 ** 31 })
  expect(options().host).not.toHaveProperty('Memory')
})

test('bound GPUs are asked for by uuid, and counted from 0 inside', () => {
  const { env, host } = options({
    gpus: [{ index: 3, uuid: 'GPU-3' }, { index: 5 }],
    env: { CUDA_VISIBLE_DEVICES: '3,5' },
  })
  expect(host?.DeviceRequests).toEqual([{ Driver: 'nvidia', DeviceIDs: ['GPU-3', '5'], Capabilities: [['gpu']] }])
  expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: '0,1' })
})

test('a trial without GPUs sees none, whatever the image asks for', () => {
  const { env, host } = options({ gpus: [] })
  expect(host).not.toHaveProperty('DeviceRequests')
  expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: '', NVIDIA_VISIBLE_DEVICES: 'void' })
  expect(options().env).not.toHaveProperty('CUDA_VISIBLE_DEVICES')
})

test('the server’s address is told only where it leads to the server', () => {
  const url = (address: string, network: string) =>
    options({ env: { SWEEP_URL: address } }, { network }).env['SWEEP_URL']
  expect(url('http://127.0.0.1:4600', 'bridge')).toBeUndefined()
  expect(url('http://localhost:4600', 'bridge')).toBeUndefined()
  expect(url('http://127.0.0.1:4600', 'host')).toBe('http://127.0.0.1:4600')
  expect(url('http://sweep.lab:4600', 'bridge')).toBe('http://sweep.lab:4600')
  expect(url('http://sweep.lab:4600', 'none')).toBeUndefined()
})

test('nor are MLflow’s clients, unless the user has named a server of theirs', () => {
  const address = 'http://127.0.0.1:4600'
  const told = {
    MLFLOW_TRACKING_URI: address,
    MLFLOW_TRACKING_TOKEN: 't',
    MLFLOW_RUN_ID: 'r',
    MLFLOW_EXPERIMENT_ID: 'e',
  }
  const env = (given: Record<string, string>, network: string) =>
    options({ env: { SWEEP_URL: address, ...given } }, { network }).env
  expect(Object.keys(env(told, 'bridge')).filter((name) => name.startsWith('MLFLOW'))).toEqual([])
  expect(env(told, 'host')).toMatchObject(told)
  const own = { ...told, MLFLOW_TRACKING_URI: 'http://mlflow.lab:5000' }
  expect(env(own, 'bridge')).toMatchObject(own)
})

test('the image’s PYTHONPATH stays behind ours, unless the sweep sets its own', () => {
  const facts = { imageEnv: ['PATH=/bin', 'PYTHONPATH=/opt/lib'] }
  expect(options({}, {}, facts).env['PYTHONPATH']).toBe('/sdk:/opt/lib')
  expect(options({ env: { PYTHONPATH: '/sdk:/mine' } }, {}, facts).env['PYTHONPATH']).toBe('/sdk:/mine')
})

test('the entry point is the image’s, another, or none', () => {
  expect(options()).not.toHaveProperty('Entrypoint')
  expect(options({}, { entrypoint: ['/run.sh'] }).Entrypoint).toEqual(['/run.sh'])
  expect(options({}, { entrypoint: [] }).Entrypoint).toEqual([''])
})
