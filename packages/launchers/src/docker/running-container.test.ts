import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RunningContainer } from './running-container.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-container-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** As the engine sends a piece of standard output: a header of its kind and length before it. */
function frame(text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = 1
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

/** An engine whose container ends at once, and that drops what comes after the first line for those who follow. */
function hastyEngine(): Docker {
  let isRunning = true
  const container = {
    id: 'c1',
    inspect: async () => ({
      State: { Running: isRunning, ExitCode: 0, OOMKilled: false, Error: '' },
      Config: { Image: 'image' },
    }),
    wait: async () => {
      isRunning = false
    },
    modem: {
      dial: (request: { options: { follow: boolean } }, done: (error: null, stream: Readable) => void) => {
        const all = [frame('one\n'), frame('two\n'), frame('three\n')]
        done(null, Readable.from(request.options.follow ? all.slice(0, 1) : all))
      },
    },
  }
  return { getContainer: () => container } as unknown as Docker
}

test('output that the engine drops for those who follow is copied once the container has ended', async () => {
  const outputPath = join(folder, 'output.log')
  const record = {
    id: 'a-1-1',
    place: { kind: 'container' as const, id: 'c1' },
    outputPath,
    exitPath: join(folder, 'exit'),
  }
  const running = new RunningContainer(hastyEngine(), record, () => undefined)
  expect(await running.exited).toEqual({ code: 0, signal: null, outOfMemory: false })
  expect(readFileSync(outputPath, 'utf8')).toBe('one\ntwo\nthree\n')
})
