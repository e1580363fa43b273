import { expect, test } from 'vitest'
import { messages, parsed, shown } from './testing.ts'

const HEAD = 'program: train.py\nrun_cap: 5\nparameters: {lr: {min: 0.1, max: 1.0}}\n'
const TWO = 'metric:\n  - {name: val_loss}\n  - {name: accuracy, goal: maximize}\n'

test('a list of metrics is several objectives, the first of them the metric', () => {
  const document = parsed(`${HEAD}${TWO}constraints: [{name: memory_gb, max: 8}, {name: accuracy, min: 0.9, max: 1}]\n`)
  expect(document.metric).toEqual({ name: 'val_loss', goal: 'minimize', summary: 'last' })
  expect(document.objectives).toEqual([
    { name: 'val_loss', goal: 'minimize', summary: 'last' },
    { name: 'accuracy', goal: 'maximize', summary: 'last' },
  ])
  expect(document.constraints).toEqual([
    { name: 'memory_gb', max: 8 },
    { name: 'accuracy', min: 0.9, max: 1 },
  ])
})

test('a list of one metric is that metric, and stands for its best value as ever', () => {
  const document = parsed(`${HEAD}metric: [{name: val_loss, target: 0.1}]\nconstraints: [{name: val_loss, max: 1}]\n`)
  expect(document.metric).toEqual({ name: 'val_loss', goal: 'minimize', target: 0.1, summary: 'best' })
  expect(document).not.toHaveProperty('objectives')
  expect(document.constraints).toEqual([{ name: 'val_loss', max: 1 }])
})

test('each of several objectives may stand for its best value', () => {
  const { objectives } = parsed(`${HEAD}metric: [{name: a, summary: best}, {name: b}]\n`)
  expect(objectives?.map(({ summary }) => summary)).toEqual(['best', 'last'])
})

const MANY = Array.from({ length: 9 }, (_, i) => `{name: m${i}}`).join(', ')

test.each([
  ['metric: [{name: a}, {name: b}, {name: a}]', '4:39 error: a is an objective twice', 'Name each objective once.'],
  ['metric: [{name: a}, {name: b, target: 3}]', '4:31 error: a target ends a search for one objective', 'constraint'],
  [`metric: [${MANY}]`, '4:1 error: metric is the list', 'must be a list of at most 8 metrics'],
  ['metric: []', '4:1 error: metric is an empty list', 'must be a list of at most 8 metrics'],
  ['metric: [{name: a}, {goal: minimize}]', '4:21 error: metric[1].name is missing', 'the name of a metric'],
  ['metric: [{name: a}, {name: b, goal: less}]', '4:37 error: metric[1].goal is "less"', 'one of minimize, maximize'],
  ['metric: [{name: a}, {name: b, gaol: maximize}]', '4:31 error: "gaol" is not a key in metric[1]', '"goal"'],
  ['metric: [loss, {name: b}]', '4:10 error: metric[0] is "loss"', 'a map such as {name: val_loss, goal: minimize}'],
  ['metric: {name: a}\nconstraints: [{name: b}]', '5:15 error: the constraint on b has no bound', 'Add max: 8'],
  ['metric: {name: a}\nconstraints: [{name: b, min: 2, max: 1}]', '5:38 error: max 1 is below min 2', 'Swap them.'],
  ['metric: {name: a}\nconstraints: [{max: 1}]', '5:15 error: constraints[0].name is missing', 'the name of a metric'],
  ['metric: {name: a}\nconstraints: [{name: b, max: big}]', '5:30 error: constraints[0].max is "big"', 'a number'],
  ['metric: {name: a}\nconstraints: [{name: b, most: 1}]', '5:25 error: "most" is not a key in constraints[0]', 'max'],
  ['metric: {name: a}\nconstraints: {name: b, max: 1}', '5:1 error: constraints is a map', 'a list of at most 16'],
  [
    'metric: {name: a}\nconstraints: [{name: b, max: 1}, {name: b, min: 0}]',
    '5:41 error: b is constrained twice',
    'Put min and max into one constraint.',
  ],
  ['constraints: [{name: b, max: 1}]', '4:1 error: constraints say which trials count', 'Add metric'],
])('%s', (yaml, message, hint) => {
  const source = `${HEAD}${yaml}\n`
  expect(messages(source).join('\n')).toContain(message)
  expect(shown(source)).toContain(hint)
})

test.each(['gp', 'cmaes', 'evolution', 'pbt', 'pb2'])('method %s is refused for several objectives', (method) => {
  const source = `method: ${method}\n${HEAD}${TWO}`
  expect(messages(source)).toContain(`1:9 error: method ${method} searches for one objective, but there are several`)
  expect(shown(source)).toMatch(/Use auto, tpe, .*random/)
  expect(messages(`method: ${method}\n${HEAD}metric: [{name: a}]\nconstraints: [{name: b, max: 1}]\n`)).toEqual([])
})

test.each(['auto', 'bayes', 'tpe', 'nsga2', 'random', 'sobol', 'lhs'])(
  'method %s takes several objectives',
  (method) => {
    expect(messages(`method: ${method}\n${HEAD}${TWO}`)).toEqual([])
  },
)

test.each([
  'hyperband, min_iter: 3',
  'sync-hyperband, max_resource: 9',
  'median',
  'percentile',
  'wilcoxon',
  'extrapolate',
])('early_terminate {type: %s} compares one objective', (early) => {
  const source = `${HEAD}${TWO}early_terminate: {type: ${early}}\n`
  const type = early.split(',')[0]
  expect(messages(source)).toEqual([`7:25 error: ${type} compares one objective, but there are several`])
  expect(shown(source)).toContain('Use asha, patience, threshold')
  expect(messages(`${HEAD}metric: {name: a}\nearly_terminate: {type: ${early}}\n`)).toEqual([])
})

test.each(['asha', 'patience, patience: 3', 'threshold, upper: 3'])(
  'early_terminate {type: %s} goes with several',
  (early) => {
    expect(messages(`${HEAD}${TWO}early_terminate: {type: ${early}}\n`)).toEqual([])
  },
)

const warm = (row: string) => `${HEAD}${TWO}constraints: [{name: memory_gb, max: 8}]\nwarm_start: {results: [${row}]}\n`

test('past results have a value of every objective, and of a constraint where it is known', () => {
  const rows =
    '{lr: 0.2, val_loss: 0.5, accuracy: 0.9, memory_gb: 3}, {lr: 0.3, val_loss: 0.4, accuracy: 0.8, memory_gb: null}'
  expect(parsed(warm(rows)).warmStart?.results).toEqual([
    { config: { lr: 0.2 }, value: 0.5, values: { val_loss: 0.5, accuracy: 0.9, memory_gb: 3 } },
    { config: { lr: 0.3 }, value: 0.4, values: { val_loss: 0.4, accuracy: 0.8 } },
  ])
  expect(messages(warm('{lr: 0.2, val_loss: 0.5}'))).toContain('8:24 error: the row lacks accuracy')
})
