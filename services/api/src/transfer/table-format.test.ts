import { TRANSFER_FORMATS } from '@sweep/spec/transfer-formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TABLE_FORMATS } from './table-format.ts'
import type { Table } from './tables.ts'

const COLUMNS: Table['columns'] = {
  name: { kind: 'text' },
  note: { kind: 'text', nullable: true },
  step: { kind: 'int' },
  value: { kind: 'double' },
  data: { kind: 'json' },
  at: { kind: 'time', nullable: true },
}
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '""', ',', '\r\n', '\n', 'NaN', '=1+1', ' x ', '😀', 'null', '\ufeff'),
)
const rows = fc.array(
  fc.record({
    name: text,
    note: fc.option(text),
    step: fc.maxSafeInteger(),
    value: fc.oneof(fc.double(), fc.constantFrom(1e308, -0, 5e-324, Number.NaN, Number.POSITIVE_INFINITY)),
    // Null in a column of JSON is no JSON at all.
    data: fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value ?? {})) as unknown),
    at: fc.option(fc.constant('2026-01-01T00:00:00.000Z')),
  }),
  { maxLength: 30 },
)

describe.each(TRANSFER_FORMATS)('%s', (name) => {
  const { encode, decode } = TABLE_FORMATS[name]

  test('every text and every number comes back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (all) => {
        expect(await decode(COLUMNS, encode(COLUMNS, all))).toEqual(all)
        // Where nothing may be null, cells are read another way.
        const { note: _, at: __, ...columns } = COLUMNS
        const whole = all.map(({ note: _, at: __, ...row }) => row)
        expect(await decode(columns, encode(columns, whole))).toEqual(whole)
      }),
    )
  })

  test('bytes that are cut off, or something else, are refused', async () => {
    const row = { name: 'a "b"', note: null, step: 1, value: 0.5, data: { a: [1] }, at: null }
    const whole = encode(COLUMNS, [row, row])
    for (const bytes of [
      whole.subarray(0, -3),
      Buffer.from([0, 1, 2]),
      Buffer.from('{"name": 1'),
      Buffer.from('a,b\r\n1,2\r\n'),
    ]) {
      await expect(decode(COLUMNS, bytes)).rejects.toThrow()
    }
  })
})
