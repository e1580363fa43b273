import { expect, test } from 'vitest'
import { FakeStream } from '../testing/fake-process.ts'
import { ScreenModel } from '../testing/screen-model.ts'
import { LiveRegion } from './live-region.ts'

const lines = (...texts: string[]) => texts.map((text) => ({ text }))

test('drawing again replaces what was drawn, in place', () => {
  const stream = new FakeStream({ columns: 80, rows: 24 })
  const region = new LiveRegion(stream)
  stream.write('before\n')
  region.draw(lines('one', 'two', 'three'))
  region.draw(lines('uno', 'dos'))
  region.close()
  expect(new ScreenModel(80, 24).feed(stream.text).lines()).toEqual(['before', 'uno', 'dos'])
})

test('a line said while drawing stays above', () => {
  const stream = new FakeStream({ columns: 80, rows: 24 })
  const region = new LiveRegion(stream)
  region.draw(lines('table'))
  region.say('note')
  region.draw(lines('table 2'))
  expect(new ScreenModel(80, 24).feed(stream.text).lines()).toEqual(['note', 'table 2'])
})

test('what does not fit is left out, so that nothing scrolls', () => {
  const stream = new FakeStream({ columns: 10, rows: 4 })
  const region = new LiveRegion(stream)
  for (let i = 0; i < 50; i += 1) region.draw(lines(`a${i}`, 'b', 'c', 'd', 'e', 'much too wide'))
  expect(new ScreenModel(10, 4).feed(stream.text).lines()).toEqual(['a49', 'b', 'c'])
})

test('lines that a narrower terminal has wrapped are counted as they lie now', () => {
  const stream = new FakeStream({ columns: 20, rows: 24 })
  const region = new LiveRegion(stream)
  region.draw(lines('123456789012345', 'x'))
  stream.text = ''
  stream.columns = 10
  region.draw(lines('new'))
  // The first line takes two rows at 10 columns.
  expect(stream.text.startsWith('\r\u001b[3A')).toBe(true)
})

test('the cursor is hidden while drawing and given back at the end', () => {
  const stream = new FakeStream({ columns: 80, rows: 24 })
  const region = new LiveRegion(stream)
  region.draw(lines('x'))
  expect(stream.text).toContain('\u001b[?25l')
  region.close()
  expect(stream.text.endsWith('\u001b[?25h')).toBe(true)
})
