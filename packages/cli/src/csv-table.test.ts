import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCsvTable } from './csv-table.ts'

/** Each cell beside what stands at its place in the file. */
function cellsOf(source: string): [text: string, raw: string][][] {
  const { header, rows, text } = parseCsvTable('runs.csv', source)
  return [header, ...rows].map((row) => row.map(({ text: cell, span }) => [cell, text.slice(...span)]))
}

test('cells come with their places, quoted or not', () => {
  expect(cellsOf('lr, note ,val_loss\r\n0.1,"a ""b"", c",0.5\r\n\r\n,é,\r\n')).toEqual([
    [
      ['lr', 'lr'],
      ['note', 'note'],
      ['val_loss', 'val_loss'],
    ],
    [
      ['0.1', '0.1'],
      ['a "b", c', '"a ""b"", c"'],
      ['0.5', '0.5'],
    ],
    [
      ['', ''],
      ['é', 'é'],
      ['', ''],
    ],
  ])
})

test.each([
  ['tabs', 'a\tb\n1,5\t2\n'],
  ['semicolons', 'a;b\n1,5;2\n'],
  ['a byte order mark', '\uFEFFa,b\n"1,5",2\n'],
])('a table with %s is read', (_what, source) => {
  expect(cellsOf(source).map((row) => row.map(([text]) => text))).toEqual([
    ['a', 'b'],
    ['1,5', '2'],
  ])
})

test('any cells are read back, each from its place', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ' ', '"', ',', '\n', '\r', 'é', '𝛼', '1') })
  const row = fc.array(cell, { minLength: 2, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
      const quoted = rows.map((cells) => cells.map((text) => `"${text.replaceAll('"', '""')}"`))
      // A first line of which the separator can be told.
      const read = cellsOf(`a,b\n${quoted.map((cells) => cells.join(',')).join('\n')}\n`).slice(1)
      expect(read).toEqual(rows.map((cells, i) => cells.map((text, j) => [text, quoted[i]![j]])))
    }),
  )
})

test.each([
  ['a,b\n1,"x\n2,3\n', 6, /never closed/],
  ['a,b\n1,x"y\n', 6, /quote stands inside/],
  ['a,b\n"x"y,1\n', 4, /follows the closing quote/],
  ['a,"b\n', 2, /never closed/],
])('what is no table is a problem at its cell: %j', (source, offset, message) => {
  const { problem } = parseCsvTable('runs.csv', source)
  expect(problem?.message).toMatch(message)
  expect(problem?.span[0]).toBe(offset)
})

test('an empty file is a table without columns', () => {
  expect(parseCsvTable('runs.csv', '')).toMatchObject({ header: [], rows: [] })
})
