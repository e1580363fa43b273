import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FromSpawner, MessageLines, toLine } from './spawner-messages.ts'

test('messages come out whole and in order, however their lines are cut into chunks', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const message = fc.record({ turn: fc.nat(), pid: fc.nat(), startTime: text })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(200)), (records, cuts) => {
      const sent = records.map((record): FromSpawner => ({ kind: 'started', ...record }))
      const lines = sent.map(toLine).join('')
      const at = [0, ...cuts.filter((cut) => cut < lines.length).sort((a, b) => a - b), lines.length]
      const reader = new MessageLines<FromSpawner>()
      const got = at.slice(1).flatMap((end, index) => reader.read(lines.slice(at[index], end)))
      expect(got).toEqual(sent)
    }),
  )
})
