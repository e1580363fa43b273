import { expect, test } from 'vitest'
import { layoutTable } from './table-layout.ts'
import { displayWidth } from './terminal-text.ts'

const COLUMNS = [
  { title: 'ID' },
  { title: 'VALUE', align: 'right' as const },
  { title: 'CONFIG', flexible: true, minWidth: 6 },
]
const ROWS = [
  ['数字', '1', 'lr=0.1'],
  ['b', '23.5', 'lr=0.1 momentum=0.9 optimizer=adam'],
]

test('columns line up by display width', () => {
  expect(layoutTable(COLUMNS, ROWS, 80)).toEqual([
    'ID    VALUE  CONFIG',
    '数字      1  lr=0.1',
    'b      23.5  lr=0.1 momentum=0.9 optimizer=adam',
  ])
})

test('the flexible column gives way first, and is cut with an ellipsis', () => {
  expect(layoutTable(COLUMNS, ROWS, 22)).toEqual([
    'ID    VALUE  CONFIG',
    '数字      1  lr=0.1',
    'b      23.5  lr=0.1 m…',
  ])
})

test('no line is wider than the terminal, however narrow; the first column stays', () => {
  for (let width = 1; width <= 60; width += 1) {
    const lines = layoutTable(COLUMNS, ROWS, width)
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
    expect(lines[2]?.startsWith('b')).toBe(true)
  }
})

test('an empty table is its title', () => {
  expect(layoutTable(COLUMNS, [], 80)).toEqual(['ID  VALUE  CONFIG'])
})
