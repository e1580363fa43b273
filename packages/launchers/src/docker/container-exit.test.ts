import { expect, test } from 'vitest'
import { containerExit } from './container-exit.ts'

const FACTS = { image: 'my/train:1', isOurs: false, endedWithEngine: false, wasTold: false, lastLine: undefined }

test.each([
  ['a plain end', 0, false, {}, { code: 0, signal: null, outOfMemory: false, failure: undefined }],
  ['an error', 3, false, {}, { code: 3, signal: null, outOfMemory: false, failure: undefined }],
  ['a crash', 139, false, {}, { code: null, signal: 'SIGSEGV', failure: undefined }],
  ['memory used up', 137, true, {}, { code: null, signal: 'SIGKILL', outOfMemory: true, failure: undefined }],
  ['memory used up by a worker', 1, true, {}, { code: 1, outOfMemory: true }],
  ['a worker killed for memory, and a program that did without', 0, true, {}, { code: 0, outOfMemory: false }],
  ['our SIGKILL', 137, false, { isOurs: true }, { signal: 'SIGKILL', failure: undefined }],
  ['our SIGKILL to what uses up its memory', 137, true, { isOurs: true }, { outOfMemory: false, failure: undefined }],
  ['docker stop', 143, false, {}, { signal: 'SIGTERM', failure: { cause: 'node-fault' } }],
  ['docker kill', 137, false, {}, { signal: 'SIGKILL', failure: { cause: 'node-fault' } }],
  ['an engine that went', 0, false, { endedWithEngine: true }, { code: 0, failure: { cause: 'node-fault' } }],
  ['somebody who told it to end', 0, false, { wasTold: true }, { code: 0, failure: { cause: 'node-fault' } }],
  ['127 of a shell', 127, false, { lastLine: 'sh: x: not found' }, { code: 127, failure: undefined }],
])('%s', (_name, ExitCode, OOMKilled, given, expected) => {
  expect({ failure: undefined, ...containerExit({ ExitCode, OOMKilled }, { ...FACTS, ...given }) }).toMatchObject(
    expected,
  )
})

test('a program that is not in the image is a bad command that names both', () => {
  const lastLine = '[FATAL tini (7)] exec train failed: No such file or directory'
  const { failure } = containerExit({ ExitCode: 127, OOMKilled: false }, { ...FACTS, lastLine })
  expect(failure).toEqual({
    cause: 'bad-command',
    message: expect.stringMatching(/"train".*my\/train:1: No such file or directory/),
  })
})
