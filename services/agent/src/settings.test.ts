import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

const URL = { SWEEP_URL: 'http://127.0.0.1:4600' }

test('labels, and how many slots share a GPU, are read', () => {
  const settings = readSettings({ ...URL, SWEEP_LABELS: 'zone=b, disk=ssd,opt=a=b', SWEEP_SLOTS_PER_GPU: '3' }, '1.0.0')
  expect(settings.labels).toEqual({ zone: 'b', disk: 'ssd', opt: 'a=b' })
  expect(settings.slotsPerGpu).toBe(3)
})

test.each([
  [{ SWEEP_LABELS: 'zone' }, /SWEEP_LABELS is "zone": must be pairs such as zone=b,disk=ssd/],
  [{ SWEEP_KEEP_RUNS: '14' }, /SWEEP_KEEP_RUNS is "14": must be such as 30d, 200GB, "14d,200GB" or forever/],
  [{ SWEEP_LABELS: '=b' }, /SWEEP_LABELS is "=b"/],
  [{ SWEEP_SLOTS_PER_GPU: '0' }, /SWEEP_SLOTS_PER_GPU is "0"/],
  [{ SWEEP_SLOTS_PER_GPU: '1.5' }, /SWEEP_SLOTS_PER_GPU is "1\.5"/],
  [{ SWEEP_CLAIM: 'redis' }, /SWEEP_CLAIM is "redis"/],
  [{ SWEEP_SLOTS: '4', SWEEP_SLOTS_PER_GPU: '2' }, /SWEEP_SLOTS and SWEEP_SLOTS_PER_GPU both say/],
])('%j is refused', (env, message) => {
  expect(() => readSettings({ ...URL, ...env }, '1.0.0')).toThrow(message)
})
