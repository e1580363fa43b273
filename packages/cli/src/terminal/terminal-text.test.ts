import { expect, test } from 'vitest'
import { displayWidth, escapeLines, escapeLog, escapeText, padText, truncateText } from './terminal-text.ts'

test('no control character survives in one line of text', () => {
  const hostile = Array.from({ length: 160 }, (_, code) => String.fromCharCode(code)).join('')
  const safe = escapeText(`${hostile}\u202eevil\u2066\u2028`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left
  expect(safe).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e\u2066]/)
  expect(escapeText('a\nb\u001b]0;x\u0007')).toBe('a\\nb\\e]0;x\\x07')
})

test('lines and tabs survive in text of several lines, nothing else does', () => {
  expect(escapeLines('a\r\nb\tc\u001b[2J')).toBe('a\nb\tc\\e[2J')
})

test("a program's colours stay, its cursor moves do not, and its progress bars become lines", () => {
  expect(escapeLog('\u001b[32mok\u001b[0m\r\n10%\r20%\r\n\u001b[2J\u001b]8;;http://x\u0007')).toBe(
    '\u001b[32mok\u001b[0m\n10%\n20%\n\\e[2J\\e]8;;http://x\\x07',
  )
})

test('width counts columns, not characters', () => {
  expect(displayWidth('abc')).toBe(3)
  expect(displayWidth('数字')).toBe(4)
  expect(displayWidth('e\u0301')).toBe(1)
  expect(displayWidth('👩‍👩‍👧')).toBe(2)
  expect(displayWidth('▁█…')).toBe(3)
})

test('text is cut to columns with an ellipsis, never through a wide character', () => {
  expect(truncateText('abcdef', 4)).toBe('abc…')
  expect(truncateText('数字数字', 4)).toBe('数…')
  expect(truncateText('数字', 4)).toBe('数字')
  expect(truncateText('abc', 0)).toBe('')
})

test('padding fills up to columns', () => {
  expect(padText('数', 4)).toBe('数  ')
  expect(padText('1', 3, 'right')).toBe('  1')
})
