import { RunEnvironment } from '@sweep/spec/run-environment'
import { expect, test } from 'vitest'
import { environmentDifferences, type Here } from './check-environment.ts'

const here: Here = {
  ...{
    python: '3.11.2',
    packages: { numpy: '2.0.0', torch: '2.5.0' },
    gpus: [{ name: 'NVIDIA A100', memoryBytes: undefined }],
  },
  ...{ platform: 'linux-x64', cpu: 'EPYC', hostname: 'desk', kernel: '6.1' },
}
const differences = (recorded: object) => environmentDifferences(RunEnvironment.parse(recorded), here)

test('what is as it was is not named', () => {
  expect(differences({ ...here, gpus: [{ name: 'NVIDIA A100' }] })).toEqual([])
})

test('what was not recorded is not compared', () => {
  expect(differences({})).toEqual([])
})

test('python, missing, other and further packages, the GPU and the host are named, in that order', () => {
  const recorded = {
    ...{
      python: '3.9.1',
      packages: { numpy: '1.26.4', scipy: '1.14' },
      gpus: [{ name: 'NVIDIA H100', memoryBytes: 85899345920 }],
    },
    ...{ platform: 'linux-arm64', cpu: 'Grace', hostname: 'rack', kernel: '5.15' },
  }
  expect(differences(recorded)).toEqual([
    { what: 'python', recorded: '3.9.1', here: '3.11.2' },
    { what: 'package numpy', recorded: '1.26.4', here: '2.0.0' },
    { what: 'package scipy', recorded: '1.14', here: undefined },
    { what: 'package torch', recorded: undefined, here: '2.5.0' },
    { what: 'gpu', recorded: 'NVIDIA H100 80GiB', here: 'NVIDIA A100' },
    { what: 'platform', recorded: 'linux-arm64', here: 'linux-x64' },
    { what: 'cpu', recorded: 'Grace', here: 'EPYC' },
    { what: 'kernel', recorded: '5.15', here: '6.1' },
    { what: 'host', recorded: 'rack', here: 'desk' },
  ])
})

test('a Python without a list of packages is one difference, not hundreds', () => {
  const recorded = RunEnvironment.parse({ packages: { a: '1', b: '2' } })
  expect(environmentDifferences(recorded, { ...here, packages: undefined })).toEqual([
    { what: 'packages', recorded: '2 known', here: undefined },
  ])
})

test('a record of another version, or a broken one, counts as not recorded', () => {
  expect(
    differences({ python: 3, packages: ['numpy'], gpus: 'two', git: { dirty: 1 }, code: { kind: 'magic' } }),
  ).toEqual([])
})
