import { expect, test } from 'vitest'
import { formatDiagnostic } from './format-diagnostic.ts'
import { parseDocument } from './parse-document.ts'
import { type PastTable, pastTableName, type TableCell } from './past-table.ts'

const SOURCE = `method: bayes
program: train.py
run_cap: 5
metric: {name: val_loss}
parameters:
  lr: {min: 1e-5, max: 1.0, distribution: log_uniform_values}
  optimizer: {values: [sgd, adam]}
  beta: {min: 0.0, max: 1.0, when: {optimizer: adam}}
  flag: {values: [true, false]}
  width: {values: [64, 128]}
  epochs: {value: 3}
warm_start: {results_file: runs.csv}
`

/** A table without quotes. */
function tableOf(text: string): PastTable {
  let at = 0
  const rows = text.split('\n').map((line) => {
    const cells = line.split(',').map((cell): TableCell => {
      at += cell.length + 1
      return { text: cell, span: [at - cell.length - 1, at - 1] }
    })
    return cells
  })
  return { file: 'runs.csv', text, header: rows[0]!, rows: rows.slice(1) }
}

function read(text: string, source = SOURCE) {
  return parseDocument(source, { file: 'sweep.yaml', newSeed: () => 7, pastTable: tableOf(text) })
}

function messages(text: string, source = SOURCE): string[] {
  return read(text, source).diagnostics.map(
    ({ file, line, column, severity, message, hint }) =>
      `${file}:${line}:${column} ${severity}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  )
}

test('rows become configs with values, each cell as its parameter has it', () => {
  const { document, diagnostics } = read(
    'val_loss,lr,optimizer,beta,flag,width,epochs\n0.25,1e-2,adam,0.9,True,64.0,3\n1,0.1,sgd,0.9,false,,',
  )
  expect(diagnostics).toEqual([])
  expect(document?.warmStart).toEqual({
    sweeps: [],
    results: [
      { config: { lr: 0.01, optimizer: 'adam', beta: 0.9, flag: true, width: 64, epochs: 3 }, value: 0.25 },
      // A condition keeps beta out, and an empty cell says nothing.
      { config: { lr: 0.1, optimizer: 'sgd', flag: false }, value: 1 },
    ],
  })
})

test('rows of the file come after those of the sweep file', () => {
  const source = SOURCE.replace('{results_file', '{results: [{lr: 0.5, val_loss: 2}], results_file')
  const { document } = read('lr,val_loss\n0.1,1', source)
  expect(document?.warmStart?.results.map(({ value }) => value)).toEqual([2, 1])
})

test.each([
  [
    'lr,val_los\n0.1,1',
    ['runs.csv:1:1 error: no column is named val_loss, which is the metric (Did you mean "val_los"?)'],
  ],
  [
    'depth,val_loss\n3,1',
    [
      'runs.csv:1:1 error: no column is named after a parameter of this sweep (They are lr, optimizer, beta, flag, width, epochs.)',
    ],
  ],
  ['lr,val_loss,lr\n0.1,1,2', ['runs.csv:1:13 error: lr is the name of two columns (Rename one.)']],
  ['lr,val_loss\nfast,1', ['runs.csv:2:1 error: lr is "fast", no number (Leave the cell empty if it is unknown.)']],
  [
    'lr,val_loss\n0.1,1\n0.1,low',
    ['runs.csv:3:5 error: val_loss is "low", no number (Leave the cell empty if it is unknown.)'],
  ],
  [
    'lr,val_loss\n0.1,1,2',
    ['runs.csv:2:7 error: the row has 3 cells, the header 2 (Put a text that holds the separator in double quotes.)'],
  ],
  [
    'lr,val_loss\n0.1,nan',
    [
      'runs.csv:1:1 error: no row has a value of val_loss, so there is nothing to learn (Each row is to have the metric beside the parameters.)',
    ],
  ],
])('what makes a table useless is an error at its place: %j', (text, expected) => {
  expect(messages(text)).toEqual(expected)
  expect(read(text).document).toBeNull()
})

test.each([
  [
    'lr,host,optimiser,val_loss\n0.1,a,adam,1',
    [
      'runs.csv:1:9 warning: optimiser is no parameter of this sweep, left out (Did you mean "optimizer"?)',
      'runs.csv:1:4 warning: host: no parameter of this sweep, left out',
    ],
  ],
  ['lr,val_loss\n0.1,\n0.2,1', ['runs.csv:1:1 warning: 1 of 2 rows lack val_loss or all parameters, and are left out']],
  [
    'optimizer,lr,val_loss\nadma,0.1,1\nadma,0.1,2',
    ['runs.csv:2:1 warning: "adma" is no value of optimizer, and left out (Did you mean "adam"?)'],
  ],
])('what is left out of a table is a warning: %j', (text, expected) => {
  expect(messages(text).sort()).toEqual(expected.sort())
  expect(read(text).document?.warmStart?.results.length).toBeGreaterThan(0)
})

test('several objectives and a constraint are columns too', () => {
  const source = SOURCE.replace(
    'metric: {name: val_loss}',
    'metric: [{name: val_loss}, {name: cost}]\nconstraints: [{name: gb, max: 8}]',
  )
  const { document, diagnostics } = read('lr,val_loss,cost,gb\n0.1,1,2,\n0.2,1,,3\n0.3,4,5,6', source)
  expect(document?.warmStart?.results.map(({ values }) => values)).toEqual([
    { val_loss: 1, cost: 2 },
    { val_loss: 4, cost: 5, gb: 6 },
  ])
  expect(diagnostics.map(({ message }) => message)).toEqual([
    '1 of 3 rows lack val_loss and cost or all parameters, and are left out',
  ])
})

test.each(['minimize', 'maximize'])('of a long table the best are kept, with goal %s', (goal) => {
  const rows = Array.from({ length: 1500 }, (_, i) => `0.1,${(i * 7) % 1500}`)
  const { document } = read(`lr,val_loss\n${rows.join('\n')}`, SOURCE.replace('val_loss}', `val_loss, goal: ${goal}}`))
  const values = document?.warmStart?.results.map(({ value }) => value) ?? []
  expect(values).toHaveLength(1000)
  expect([values[0], values.at(-1)]).toEqual(goal === 'minimize' ? [0, 999] : [1499, 500])
})

test('where files cannot be read, a file is an error', () => {
  const { diagnostics } = parseDocument(SOURCE, { file: 'sweep.yaml', newSeed: () => 7 })
  expect(diagnostics.map((one) => formatDiagnostic(one, { source: SOURCE })).join('\n')).toContain(
    'sweep.yaml:12:28: error: runs.csv is a file, which only the command line reads',
  )
})

test('the name is known of a source or an override, whatever else is wrong with it', () => {
  expect(pastTableName('method: [\nwarm_start:\n  results_file: a.csv\n', {})).toBeUndefined()
  expect(pastTableName('nonsense: 1\nwarm_start: {results_file: a.csv}\n', {})).toBe('a.csv')
  expect(pastTableName(SOURCE, { 'warm_start.results_file': 'b.csv' })).toBe('b.csv')
  expect(pastTableName('method: random\n', { warm_start: { results_file: 'c.csv' } })).toBe('c.csv')
  expect(pastTableName(SOURCE.replace('results_file: runs.csv', 'sweeps: [a]'), {})).toBeUndefined()
})
