import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import { TaggedProcesses } from './tagged-processes.ts'

const TAG = 'SWEEP_TEST_TAG'
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Runs until it is killed; in a session of its own. */
async function start(value: string | undefined, script = 'exec sleep 1000'): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'], ...(value === undefined ? {} : { [TAG]: value }) }
  const child = spawn('/bin/sh', ['-c', script], { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await once(child, 'spawn')
  return child
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('those born before the first scan, and between two, are found until they end', async () => {
  const tagged = new TaggedProcesses(TAG)
  const [first, stranger] = [await start('a'), await start(undefined)]
  await vi.waitFor(() => expect(tagged.withTag('a')).toEqual([first.pid]))
  const [second, other] = [await start('a'), await start('b')]
  await vi.waitFor(() => expect(new TaggedProcesses(TAG).withTag('b')).toEqual([other.pid]))
  await vi.waitFor(() => expect(tagged.withTag('a').sort()).toEqual([first.pid, second.pid].sort()))
  await vi.waitFor(() => expect(tagged.withTag('b')).toEqual([other.pid]))
  expect([...tagged.scan().values()].flat()).not.toContain(stranger.pid)
  await end(first)
  expect(tagged.withTag('a')).toEqual([second.pid])
})

test('a grandchild in a session of its own is found after its parents have ended', async () => {
  const tagged = new TaggedProcesses(TAG)
  expect(tagged.withTag('c')).toEqual([])
  const parent = await start('c', 'setsid sleep 1000 & echo $!; exit')
  const said = once(parent.stdout!, 'data')
  await once(parent, 'exit')
  const pid = Number(String(await said))
  const found = await vi.waitFor(() => {
    const [one] = tagged.withTag('c')
    if (one === undefined) throw new Error('not found yet')
    return one
  })
  process.kill(found, 'SIGKILL')
  expect(found).toBeGreaterThanOrEqual(pid)
  await vi.waitFor(() => expect(tagged.withTag('c')).toEqual([]))
})

test('many that were born between two scans are found', async () => {
  const tagged = new TaggedProcesses(TAG)
  tagged.scan()
  for (let n = 0; n < 150; n += 1) await end(await start(undefined, 'exit'))
  const late = await start('d')
  await vi.waitFor(() => expect(tagged.withTag('d')).toEqual([late.pid]))
})

test('no thread is taken for a process', async () => {
  const tagged = new TaggedProcesses(TAG)
  tagged.scan()
  const threads = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log()'], {
    env: { PATH: process.env['PATH'], [TAG]: 'e' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(threads)
  await once(threads.stdout, 'data')
  expect(tagged.withTag('e')).toEqual([threads.pid])
})
