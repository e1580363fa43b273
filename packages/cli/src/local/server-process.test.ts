import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isRunning, processIdentity } from './process-info.ts'
import { lastWords, runningServer } from './server-process.ts'

test('a server is running only when its process is the one that wrote the file', async () => {
  const home = await mkdtemp(join(tmpdir(), 'sweep-home-'))
  const record = (fields: object) =>
    writeFile(join(home, 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:1', version: '1', ...fields }))
  expect(await runningServer(home)).toBeUndefined()
  await record({ pid: process.pid, startTime: await processIdentity(process.pid) })
  expect(await runningServer(home)).toMatchObject({ pid: process.pid })
  // The number was given to another process after a reboot.
  await record({ pid: process.pid, startTime: 'otherboot:1' })
  expect(await runningServer(home)).toBeUndefined()
  await writeFile(join(home, 'server.json'), 'half a lin')
  expect(await runningServer(home)).toBeUndefined()
  await rm(home, { recursive: true })
})

test('a process that has ended is not running', async () => {
  const child = spawn('sleep', ['60'])
  const { pid = 0 } = child
  expect(await isRunning(pid)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await isRunning(pid)).toBe(false)
})

test('the last words of a log are its errors, without stack traces', () => {
  const info = '{"level":30,"msg":"server started"}'
  expect(lastWords(`${info}\nSWEEP_PORT is "x"\n    at main (file.js:1:1)\n`)).toBe('SWEEP_PORT is "x"')
  expect(
    lastWords(`${info}\n{"level":60,"msg":"cannot listen","err":{"message":"in use","hint":"Take another."}}\n`),
  ).toBe('cannot listen: in use Take another.')
  expect(lastWords('')).toBe('')
})
