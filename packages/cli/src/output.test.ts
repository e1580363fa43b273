import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Column, formatRecord, formatRows, type OutputFormat, outputFormat } from './output.ts'

interface Row {
  name: string
  value: number
  note?: string
}

const ROWS: Row[] = [
  { name: 'a', value: 0.123456789, note: 'x\ty' },
  { name: 'evil\u001b[2J"q",', value: Number.NaN },
]
const COLUMNS: Column<Row>[] = [
  { name: 'name', value: (row) => row.name },
  { name: 'value', value: (row) => row.value, show: (row) => row.value.toFixed(2), align: 'right' },
  { name: 'note', value: (row) => row.note, wide: true },
]

function format(outputFormat: OutputFormat, isTty = false): Promise<string> {
  const target = { format: outputFormat, isTty, columns: 80, bold: (text: string) => text }
  return formatRows(target, { data: ROWS, rows: ROWS, columns: COLUMNS, name: (row) => row.name })
}

test('a table on a terminal is aligned and short; wide shows every column', async () => {
  expect(await format('table', true)).toBe('NAME           VALUE\na               0.12\nevil\\e[2J"q",    NaN\n')
  expect(await format('wide', true)).toContain('NOTE')
})

test('a piped table is tab-separated, complete and one line a row', async () => {
  expect(await format('table')).toBe('name\tvalue\tnote\na\t0.123456789\tx\\ty\nevil\\e[2J"q",\tNaN\t\n')
})

test('JSON parses, spells NaN as on the wire, and holds no raw control character', async () => {
  const text = await format('json', true)
  expect(JSON.parse(text)).toEqual([ROWS[0], { ...ROWS[1], value: 'NaN' }])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

test('jsonl is one object a line', async () => {
  const lines = (await format('jsonl')).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).name)).toEqual(['a', ROWS[1]?.name])
})

test('YAML parses to the same', async () => {
  expect(parse(await format('yaml'))).toEqual([ROWS[0], { ...ROWS[1], value: 'NaN' }])
})

test('CSV quotes what needs it', async () => {
  expect(await format('csv')).toBe('name,value,note\na,0.123456789,x\ty\n"evil\u001b[2J""q"",",NaN,\n')
})

test('name prints names only', async () => {
  expect(await format('name')).toBe('a\nevil\\e[2J"q",\n')
})

test('a record on a terminal leaves out what there is not, and is cut to the width', async () => {
  const target = { format: 'table' as const, isTty: true, columns: 20, bold: (text: string) => text }
  const fields = [
    ['id', 'x'],
    ['gone', undefined],
    ['config', 'a'.repeat(40)],
  ] as const
  expect(await formatRecord(target, { data: {}, fields, name: 'x' })).toBe('id      x\nconfig  aaaaaaaaaaa…\n')
})

test('an unknown format is refused with what was meant', () => {
  expect(() => outputFormat('jsn')).toThrow('There is no output format "jsn"')
})
