import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogFrames } from './log-frames.ts'

function frame(stream: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

test('the output comes out whole and in order, wherever the stream is cut', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string()))
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (given, cuts) => {
      const stream = Buffer.concat(given.map(([number, text]) => frame(number, text)))
      const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)
      const reader = new LogFrames()
      const output = at.slice(1).flatMap((end, i) => reader.push(stream.subarray(at[i], end)))
      expect(Buffer.concat(output).toString()).toBe(given.map(([, text]) => Buffer.from(text).toString()).join(''))
    }),
  )
})
