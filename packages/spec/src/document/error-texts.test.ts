import { expect, test } from 'vitest'
import { formatDiagnostic } from './format-diagnostic.ts'
import { messages, shown, withParameters } from './testing.ts'

const HEAD = 'program: t.py\nrun_cap: 3\nparameters: {a: {values: [1]}}\n'

test('a bad bound', () => {
  expect(shown(withParameters('lr: {min: 5, max: 1}'))).toBe(
    [
      'sweep.yaml:5:13: error: lr: min 5 is not below max 1',
      '  5 |   lr: {min: 5, max: 1}',
      '    |             ^',
      '  Swap them.',
    ].join('\n'),
  )
})

test('a misspelt method', () => {
  expect(shown(`method: radnom\n${HEAD}`)).toBe(
    [
      'sweep.yaml:1:9: error: method is "radnom", but must be one of auto, tpe, nsga2, gp, cmaes, evolution, grid, random, sobol, lhs, pbt, pb2, bayes',
      '  1 | method: radnom',
      '    |         ^^^^^^',
      '  Did you mean "random"?',
    ].join('\n'),
  )
})

test("a method of one's own", () => {
  expect(shown(`method: custom\n${HEAD}`)).toBe(
    [
      'sweep.yaml:1:9: error: method is "custom", but must be one of auto, tpe, nsga2, gp, cmaes, evolution, grid, random, sobol, lhs, pbt, pb2, bayes',
      '  1 | method: custom',
      '    |         ^^^^^^',
      '  A method of your own is not supported; use method: bayes.',
    ].join('\n'),
  )
})

test('a misspelt key that had to be there', () => {
  expect(shown(`metod: grid\n${HEAD}`)).toContain(
    [
      'sweep.yaml:1:1: error: method is missing',
      '  1 | metod: grid',
      '    | ^^^^^',
      '  "metod" was seen; did you mean "method"?',
    ].join('\n'),
  )
})

test('a goal that was meant as maximize is no minimize, whatever W&B makes of it', () => {
  const goal = (text: string): string[] => messages(`method: grid\n${HEAD}metric: {name: x, goal: ${text}}\n`)
  for (const text of ['Maximize', 'maximise', 'max']) {
    expect(goal(text)).toEqual([`5:25 error: metric.goal is "${text}", but must be one of minimize, maximize`])
  }
  expect(goal('lower')).toEqual(['5:25 warning: metric.goal is "lower"; it is read as minimize, as W&B does'])
})

test("another tool's file is named before its missing keys", () => {
  expect(messages('param_space: {lr: 1}\nnum_samples: 5')[0]).toBe(
    '1:1 error: this looks like a Ray Tune configuration, not a sweep file',
  )
  expect(messages('kind: Experiment\nspec: {}')[0]).toBe(
    '1:1 error: this looks like a Katib Experiment, not a sweep file',
  )
  expect(messages('searcher: {}\nhyperparameters: {}')[0]).toBe(
    '1:1 error: this looks like a Determined experiment, not a sweep file',
  )
})

test('keys of a parameter that are indented too little are told to move', () => {
  expect(shown('method: random\nparameters:\n  lr:\n  min: 0.1\nprogram: x\nrun_cap: 1\n')).toContain(
    'Indent min further to put it under a parameter.',
  )
})

test('an unknown key warns in a W&B file', () => {
  expect(shown(`method: grid\n${HEAD}run_cpa: 5\n`)).toBe(
    [
      'sweep.yaml:5:1: warning: "run_cpa" is not a key of a sweep file',
      '  5 | run_cpa: 5',
      '    | ^^^^^^^',
      '  Did you mean "run_cap"?',
    ].join('\n'),
  )
})

test.each([
  ['type: percentle', 'early_terminate.type is "percentle", but must be one of', 'Did you mean "percentile"?'],
  ['type: wilcoxon, p_treshold: 0.2', '"p_treshold" is not a key in early_terminate', 'Did you mean "p_threshold"?'],
  ['type: wilcoxon, startup: 2', '"startup" is not a key in early_terminate', 'Known here: type, p_threshold, grace.'],
])('early_terminate: {%s} gets a hint', (keys, message, hint) => {
  const text = shown(`method: grid\n${HEAD}metric: {name: x}\nearly_terminate: {${keys}}\n`)
  expect(text).toContain(message)
  expect(text).toContain(hint)
  expect(text).toMatch(/^sweep\.yaml:6:\d+: error: /)
})

test('the same key is refused in a file with a key of ours', () => {
  expect(shown(`method: grid\n${HEAD}run_cpa: 5\nseed: 1\n`)).toBe(
    [
      'sweep.yaml:5:1: error: "run_cpa" is not a key of a sweep file',
      '  5 | run_cpa: 5',
      '    | ^^^^^^^',
      '  Did you mean "run_cap"?',
    ].join('\n'),
  )
})

test.each([
  ['resources: {gpu: 1}', '5:13 error: "gpu" is not a key in resources'],
  ['retry: {count: 1}', '5:9 error: "count" is not a key in retry'],
  ['metric: {name: x, sumary: last}\nseed: 1', '5:19 error: "sumary" is not a key in metric'],
  ['metric: {name: x}\nearly_terminate: {type: asha, max: 3}', '6:31 error: "max" is not a key in early_terminate'],
  ['metric: {name: x, sumary: last}', '5:19 warning: "sumary" is not a key in metric'],
  ['capture: {patterns: [{regx: a}]}', '5:23 error: "regx" is not a key in capture.patterns[0]'],
])('unknown keys: %s', (yaml, expected) => {
  expect(messages(`method: grid\n${HEAD}${yaml}\n`)).toContain(expected)
})

test.each([
  ['entity', 'me'],
  ['controller', '{type: local}'],
  ['job', 'x'],
  ['image_uri', 'x'],
  ['launch', '{queue: q}'],
  ['scheduler', '{engine: optuna}'],
  ['apiVersion', '1'],
  ['kind', 'sweep'],
  ['metrics', '[{name: a}, {name: b}]'],
])('%s is accepted and said to have no effect', (key, value) => {
  expect(messages(`method: grid\n${HEAD}${key}: ${value}\n`)).toEqual([`5:1 warning: "${key}" has no effect here`])
})

test.each([
  ['run_cap: 0', /run_cap is 0, but must be a whole number above 0/],
  ['run_cap: 1.5', /run_cap is 1\.5, but must be a whole number above 0/],
  ['budget: {trials: -1}', /budget\.trials is -1, but must be a whole number above 0/],
  ['budget: {wall: soon}', /budget\.wall is "soon", but must be a duration such as 90s, 15m/],
  ['budget: {gpu_hours: 0}', /budget\.gpu_hours is 0, but must be a number above 0/],
  ['budget: 5', /budget is 5, but must be a map such as \{trials: 50\}/],
  ['timeout: 1x', /timeout is "1x", but must be a duration/],
  ['timeout: -5', /timeout is -5, but must be a duration/],
  ['timeout: 0', /timeout is 0, but must be above 0/],
  ['budget: {wall: 0s}', /budget\.wall is "0s", but must be above 0/],
  ['grace_period: 2h', /grace_period is "2h", but must be at most 1h/],
  ['resources: {gpus: 1.5}', /resources\.gpus is 1\.5, but must be a whole number, or a share of one GPU/],
  ['resources: {memory: lots}', /resources\.memory is "lots", but must be a size such as 512MiB/],
  ['tags: mlp', /tags is "mlp", but must be a list of text/],
  ['seed: -1', /seed is -1, but must be a whole number, 0 or more/],
  ['queue: "GPU box"', /queue is "GPU box", but must be lower-case letters/],
  ['launcher: kubernets', /launcher is "kubernets", but must be one of process/],
  ['priority: 5000', /priority is 5000, but must be a number up to 1000/],
  ['env: {"A B": 1}', /env\.A B can't be used as a name/],
  ['env: {SWEEP_ID: 1}', /SWEEP_ID is set by the agent/],
  ['env: {A: [1]}', /env\.A is the list \[1\], but must be text, a number, true, false or null/],
  ['metric: loss', /metric is "loss", but must be a map such as \{name: val_loss, goal: minimize\}/],
  ['metric: {goal: minimize}', /metric\.name is missing/],
  ['metric: {name: x, goal: max}\nseed: 1', /metric\.goal is "max", but must be one of minimize, maximize/],
  ['metric: {name: x, target: low}', /metric\.target is "low", but must be a number/],
  ['early_terminate: {type: hyperband, min_iter: 3}', /early_terminate compares a metric, but there is none/],
  ['metric: {name: x}\nearly_terminate: {type: hyperband}', /hyperband needs min_iter, or max_iter with s/],
  ['metric: {name: x}\nearly_terminate: {type: hyperband, max_iter: 9}', /max_iter needs s, the number of bands/],
  [
    'metric: {name: x}\nearly_terminate: {type: hyperband, min_iter: 1, eta: 1}',
    /eta is 1, but must be a number above 1/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: hyper}',
    /early_terminate\.type is "hyper", but must be one of hyperband, asha, sync-hyperband, median/,
  ],
  ['metric: {name: x}\nearly_terminate: {min_iter: 3}', /early_terminate\.type is missing/],
  [
    'metric: {name: x}\nearly_terminate: {type: asha, min_resource: 9, max_resource: 3}',
    /max_resource 3 is below min_resource 9/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: asha, reduction_factor: 1}',
    /reduction_factor is 1, but must be a whole number, 2 or more/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: asha, mode: pause}',
    /mode is "pause", but must be one of stop, promote/,
  ],
  ['metric: {name: x}\nearly_terminate: {type: sync-hyperband}', /early_terminate\.max_resource is missing/],
  [
    'metric: {name: x}\nearly_terminate: {type: sync-hyperband, min_resource: 9, max_resource: 3}',
    /max_resource 3 is below min_resource 9/,
  ],
  ['metric: {name: x}\nearly_terminate: {type: patience}', /early_terminate\.patience is missing/],
  [
    'metric: {name: x}\nearly_terminate: {type: patience, patience: 0}',
    /patience is 0, but must be a whole number above 0/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: patience, patience: 1, min_delta: -1}',
    /min_delta is -1, but must be a number, 0 or more/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: percentile, percentile: 101}',
    /percentile is 101, but must be a number from 0 to 100/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: wilcoxon, p_threshold: 1}',
    /p_threshold is 1, but must be a number between 0 and 1/,
  ],
  [
    'metric: {name: x}\nearly_terminate: {type: extrapolate, alpha: 0}',
    /alpha is 0, but must be a number between 0 and 1/,
  ],
  ['metric: {name: x}\nearly_terminate: {type: threshold, upper: high}', /upper is "high", but must be a number/],
  ['metric: {name: x}\nearly_terminate: {type: threshold, lower: 3, upper: 1}', /upper 1 is below lower 3/],
  [
    'metric: {name: x}\nearly_terminate: {type: threshold, non_finite: false}',
    /threshold has nothing to stop a trial for/,
  ],
  ['early_terminate: {type: threshold}', /early_terminate compares a metric, but there is none/],
  ['metric: {name: x}\npbt: {population: 4}', /pbt has no meaning with method grid/],
  ['pbt: {population: 1}', /pbt\.population is 1, but must be a whole number, 2 or more/],
  ['pbt: {quantile: 0.6}', /pbt\.quantile is 0\.6, but must be a number above 0, at most 0\.5/],
  ['pbt: {resample: 2}', /pbt\.resample is 2, but must be a number from 0 to 1/],
  ['pbt: {intervall: 2}', /"intervall" is not a key in pbt/],
  ['capture: {patterns: [{regex: "("}]}', /the regular expression can't be read/],
  ['capture: {patterns: [{regex: "a"}]}', /does not say which metric it finds/],
  ['capture: {patterns: [{regex: "a", metric: x}]}', /has no group for the value/],
  ['command: []', /command is an empty list, but must be a list such as/],
  ['command: [{a: 1}]', /command(\[0\])? is .*, but must be/],
  ['command: "a \'b"', /a quote in command is not closed/],
])('%s', (yaml, expected) => {
  const source = `method: grid\nprogram: t.py\nparameters: {a: {values: [1]}}\n${yaml}\n`
  const errors = messages(source).filter((message) => message.includes('error'))
  expect(errors.join('\n')).toMatch(expected)
  expect(errors[0]).toMatch(/^[4-6]:/)
})

test.each([
  ['program: t.py', '', []],
  ['command: [python, t.py]', '', []],
  ['command: [python, "${program}"]', '', ['3:1 error: command uses ${program}, but there is no program']],
  ['name: x', '', ['1:1 error: nothing says what to run']],
  [
    'command: [t.py, "--lr=${a}", "${batch_sise}"]',
    '',
    ['3:30 warning: ${batch_sise} is neither a macro nor a parameter'],
  ],
  ['command: [t.py, "${arg}"]', 'seed: 1\n', ['3:17 error: ${arg} is neither a macro nor a parameter']],
  ['command: [t.py, "${envvar:HOME}", "${{x.y}}", "{b}"]', '', []],
  ['command: t.py > log', '', ['3:10 warning: no shell runs the command, so ">" is passed on as it is']],
  ['command: [python t.py]', '', ['3:11 warning: "python t.py" is taken as the name of one program, spaces included']],
])('what to run: %s', (yaml, more, expected) => {
  expect(messages(`method: grid\nparameters: {a: {values: [1]}}\n${yaml}\n${more}`)).toEqual(expected)
})

test('a long line is cut around the caret, within 80 columns', () => {
  const source = `method: grid\n${HEAD}description: {a: ${'x'.repeat(300)}, bad: 1}\nrun_cap_: 1\nproject: ${'y'.repeat(300)}\n`
  const text = shown(source)
  expect(text).toContain('  5 | description: {a: xxxxxxxxxx')
  for (const line of text.split('\n').filter((one) => /^ +\d* \|/.test(one)))
    expect(line.length).toBeLessThanOrEqual(80)
})

test.each([0, 5, 40, 77, 150, 299])('the caret stands under what it marks, wherever on the line (%i)', (before) => {
  const source = `${'.'.repeat(before)}X${'.'.repeat(300 - before)}`
  const [, line = '', caret = ''] = formatDiagnostic(
    { severity: 'error', message: 'm', path: '', file: 'f', line: 1, column: before + 1, endColumn: before + 2 },
    { source },
  ).split('\n')
  expect(line.charAt(caret.indexOf('^'))).toBe('X')
  expect(caret).toMatch(/^ +\| +\^$/)
  expect(line.length).toBeLessThanOrEqual(80)
})

test('wide characters and tabs before the mark move the caret with them', () => {
  const source = '日本\t🙂X'
  const text = formatDiagnostic(
    { severity: 'error', message: 'm', path: '', file: 'f', line: 1, column: 6, endColumn: 7 },
    { source },
  )
  expect(text.split('\n')).toEqual(['f:1:6: error: m', '  1 | 日本 🙂X', '    |        ^'])
})

test('colours are given part by part', () => {
  const text = formatDiagnostic(
    { severity: 'warning', message: 'm', hint: 'h', path: 'p', file: 'f', line: 1, column: 1, endColumn: 3 },
    { source: 'ab', paint: (part, inner) => `<${part}>${inner}</${part}>` },
  )
  expect(text).toBe(
    '<place>f:1:1:</place> <warning>warning:</warning> m\n  1 | ab\n    | <caret>^^</caret>\n  <hint>h</hint>',
  )
})

test.each([
  ['', '3:9 error: method pbt compares the members of its population by a metric, but there is none'],
  [
    'metric: {name: x}\nearly_terminate: {type: median}',
    "6:1 error: early_terminate can't be used with method pbt, which stops members itself",
  ],
  ['metric: {name: x}\npbt: {population: 3}', '6:7 error: of a population of 3, a quantile of 0.25 is nobody'],
  [
    'metric: {name: x}\npbt: {interval: 9, max_resource: 17}',
    '6:34 error: max_resource 17 is less than two intervals of 9',
  ],
])('method pbt with %j', (yaml, expected) => {
  const source = `program: t.py\nrun_cap: 20\nmethod: pbt\nparameters: {a: {values: [1]}}\n${yaml}\n`
  expect(messages(source)).toEqual([expected])
})
