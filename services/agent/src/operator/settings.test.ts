import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

const URL = { SWEEP_URL: 'http://127.0.0.1:4600' }

test.each([
  [undefined, []],
  ['', []],
  ['team-a', ['team-a']],
  ['team-a, team-b,team-a', ['team-a', 'team-b']],
  ['*', undefined],
])('namespaces %j', (text, namespaces) => {
  expect(readSettings({ ...URL, SWEEP_OPERATOR_NAMESPACES: text }).namespaces).toEqual(namespaces)
})

test.each(['Team', 'a/b', '*,a', '-a', 'a'.repeat(64)])('%j is no list of namespaces', (text) => {
  expect(() => readSettings({ ...URL, SWEEP_OPERATOR_NAMESPACES: text })).toThrow(/SWEEP_OPERATOR_NAMESPACES is/)
})
