import { expect, test } from 'vitest'
import { parse } from './testing.ts'

const FILE = `method: random
metric: {name: loss}
run_cap: 3
parameters: {lr: {min: 0.0, max: 1.0}}
command: [python3, train.py]
`

function health(line: string) {
  const { document, diagnostics } = parse(`${FILE}health: ${line}`)
  return { health: document?.health, errors: diagnostics.map(({ message }) => message) }
}

test('what each rule leads to is read, YAML 1.1 spellings of off included', () => {
  expect(health('{nan: stop, no_progress: warn, gpu_idle: off, memory: "off"}')).toEqual({
    health: { nan: 'stop', no_progress: 'warn', gpu_idle: 'off', memory: 'off' },
    errors: [],
  })
  expect(parse(FILE).document?.health).toBeUndefined()
})

test('rules and actions that are none are refused with what would do', () => {
  expect(health('{nans: stop}').errors).toEqual([expect.stringContaining('"nans" is not a key in health')])
  expect(health('{nan: kill}').errors).toEqual([expect.stringContaining('one of off, warn, stop')])
  expect(health('stop').errors).toEqual([expect.stringContaining('a map such as {nan: stop, no_progress: warn}')])
})
