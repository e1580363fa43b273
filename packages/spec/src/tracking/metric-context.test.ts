import { expect, test } from 'vitest'
import { keyInContext, metricPlace } from './metric-context.ts'

test.each([
  ['loss', null, null, 'loss'],
  ['train/loss', 'train', null, 'loss'],
  ['val/loss', 'eval', null, 'loss'],
  ['validation/acc', 'eval', null, 'acc'],
  ['test/glue/f1', 'test', 'glue', 'f1'],
  ['eval/a/b/c', 'eval', 'a', 'b/c'],
  ['system/gpu/0', 'system', null, 'gpu/0'],
  ['head/loss', null, null, 'head/loss'],
  ['train/', null, null, 'train/'],
  ['/loss', null, null, '/loss'],
  ['train//loss', null, null, 'train//loss'],
  ['constructor/x', null, null, 'constructor/x'],
  ['', null, null, ''],
] as const)('%s', (key, context, task, name) => {
  expect(metricPlace(key)).toEqual({ context, task, name })
})

test('a name gets the context it was logged with, once', () => {
  expect(keyInContext('eval', 'loss')).toBe('eval/loss')
  expect(keyInContext('eval', 'val/loss')).toBe('val/loss')
  expect(keyInContext('train', 'val/loss')).toBe('train/val/loss')
  expect(keyInContext(undefined, 'loss')).toBe('loss')
})
