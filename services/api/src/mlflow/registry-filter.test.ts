import { expect, test } from 'vitest'
import { compareBy, matchesRegistry, parseRegistryFilter, parseRegistryOrder } from './registry-filter.ts'

const HAS: Readonly<Record<string, string | number>> = {
  name: "it's",
  version_number: 12,
  'tags.team': 'vision',
  'tags.a b': 'x',
}
const matches = (text: string) => matchesRegistry(parseRegistryFilter(text), (field) => HAS[field])

test.each([
  ['', true],
  ['name = "it\'s"', true],
  ["name LIKE 'it%'", true],
  ["name ilike 'IT_S'", true],
  ["name = 'its'", false],
  ["name != 'its' AND tags.team = 'vision'", true],
  ["tags.team = 'vision' and tags.other = 'x'", false],
  ["tags.other != 'x'", false],
  ["tags.`a b` = 'x'", true],
  ["tag.team <> 'audio'", true],
  ['version_number > 9', true],
  ["version_number <= '11'", false],
  ["name < 'z'", false],
  ["attributes.name IN ('a', \"it's\")", true],
  ["name not in ('a','b')", true],
])('%s', (text, expected) => {
  expect(matches(text)).toBe(expected)
})

test.each([
  ['name', 'an operator is missing at its end'],
  ['name =', 'a value in quotes is missing at its end'],
  ['name = x', 'a value in quotes is missing at "x"'],
  ["name = 'x' or name = 'y'", 'and is missing at "or name'],
  ["name in 'x'", 'a list in parentheses is missing'],
  ["name in ('x'", 'the end of the list is missing'],
  ["name = 'x'; drop table models", 'and is missing at "; drop'],
  ["= 'x'", 'a field is missing'],
])('%s is not understood', (text, message) => {
  expect(() => parseRegistryFilter(text)).toThrow(message)
})

test('no text takes long to read', () => {
  const begin = performance.now()
  for (const text of [
    '('.repeat(10_000),
    `name = '${'%'.repeat(9000)}'`,
    'a.'.repeat(5000),
    "name='x' and ".repeat(700),
  ]) {
    try {
      matches(text)
    } catch {
      // Not understood, or too much.
    }
  }
  expect(performance.now() - begin).toBeLessThan(1000)
})

test('orders are by known fields, the first that differs deciding', () => {
  const order = parseRegistryOrder(['name DESC', '`version_number`'], ['name', 'version_number'])
  const items = [
    { name: 'a', version_number: 2 },
    { name: 'b', version_number: 9 },
    { name: 'b', version_number: 1 },
  ]
  items.sort(compareBy(order, (item, field) => item[field as 'name']))
  expect(items.map(({ name, version_number: number }) => `${name}${number}`)).toEqual(['b1', 'b9', 'a2'])
  expect(() => parseRegistryOrder(['source ASC'], ['name'])).toThrow('order_by')
})
