import { expect, test } from 'vitest'
import { RunEnvironment } from './run-environment.ts'

test('what an agent records is read, and what is of no use here is left out', () => {
  const recorded = {
    ...{ hostname: 'rack', python: '3.11.2', seed: 7, packages: { numpy: '2.0.0' }, packagesHash: 'abc' },
    git: { commit: 'c0ffee', branch: 'main', dirty: true, diffHash: 'd1ff', diff: '+x', diffCut: true },
    gpus: [{ index: 0, uuid: 'GPU-1', name: 'NVIDIA A100', memoryBytes: 1 }],
    code: { kind: 'snapshot', sha256: 'a'.repeat(64) },
    further: { nested: true },
  }
  expect(RunEnvironment.parse(recorded)).toEqual({
    ...{ hostname: 'rack', python: '3.11.2', seed: 7, packages: { numpy: '2.0.0' }, packagesHash: 'abc' },
    git: { commit: 'c0ffee', branch: 'main', dirty: true, diffHash: 'd1ff', diff: '+x' },
    gpus: [{ name: 'NVIDIA A100', memoryBytes: 1 }],
    code: { kind: 'snapshot', sha256: 'a'.repeat(64) },
  })
})

test.each([
  [{}],
  [{ hostname: 1, cpus: 'many', seed: '7', packages: { numpy: 2 }, git: {}, gpus: [1], code: 'here', python: null }],
])('what is missing or does not fit counts as not recorded: %j', (recorded) => {
  const known = Object.values(RunEnvironment.parse(recorded)).filter((value) => value !== undefined)
  expect(known).toEqual([])
})
