import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expandCommand } from './command-line.ts'
import { parsed, withParameters } from './document/testing.ts'
import { nestConfig, paramsJson } from './nest-config.ts'
import type { Json } from './number.ts'
import type { Config, SearchSpace } from './search-space.ts'

const SPACE = parsed(
  withParameters(
    'lr: {min: 0.0, max: 1.0}\nlayers: {min: 1, max: 4}\nnesterov: {values: [true, false]}\nopt: {parameters: {kind: {values: [adam]}, eps: {value: 1.0}}}\nmodel.dim: {values: [64, 2.0]}\nnote: {value: null}',
  ),
).space
const CONFIG: Config = {
  lr: 1,
  layers: 2,
  nesterov: true,
  'opt.kind': 'adam',
  'opt.eps': 1,
  'model.dim': 64,
  note: null,
}

function expand(command: string[], config: Config = CONFIG, space: SearchSpace = SPACE): string[] {
  return expandCommand(command, {
    space,
    config,
    program: 'train.py',
    interpreter: 'python3',
    paramsFile: '/run/params.json',
    env: { HOME: '/home/me' },
  })
}

test("W&B's default command", () => {
  expect(expand(['${env}', '${interpreter}', '${program}', '${args}'])).toEqual([
    '/usr/bin/env',
    'python3',
    'train.py',
    '--lr=1.0',
    '--layers=2',
    '--nesterov=True',
    "--opt={'kind': 'adam', 'eps': 1.0}",
    '--model.dim=64',
    '--note=None',
  ])
})

test.each([
  ['${args_no_hyphens}', ['lr=1.0', 'layers=2', 'nesterov=False', 'note=None']],
  ['${args_no_boolean_flags}', ['--lr=1.0', '--layers=2', '--note=None']],
  ['${args_no_equals}', ['--lr', '1.0', '--layers', '2', '--nesterov', 'False', '--note', 'None']],
  ['${args_append_hydra}', ['+lr=1.0', '+layers=2', '+nesterov=False', '+note=None']],
  ['${args_override_hydra}', ['++lr=1.0', '++layers=2', '++nesterov=False', '++note=None']],
  ['${args_json}', ['{"lr": 1.0, "layers": 2, "nesterov": false, "note": null}']],
  ['${args_json_file}', ['/run/params.json']],
  ['--config=${args_json_file}', ['--config=/run/params.json']],
  ['${envvar:HOME}/data', ['/home/me/data']],
  ['${envvar:UNSET}', ['UNSET']],
  ['--lr=${lr} of {layers}', ['--lr=1.0 of 2']],
  ['{lr}', ['1.0']],
  ['${lr}', ['1.0']],
  ['${unknown} {unknown} ${{x}} {}', ['${unknown} {unknown} ${{x}} {}']],
  ['${opt.eps}', ['']],
])('%s becomes %j', (item, expected) => {
  expect(expand([item], { lr: 1, layers: 2, nesterov: false, note: null })).toEqual(expected)
})

test('a flag that is on is a bare flag where that is asked for', () => {
  expect(expand(['${args_no_boolean_flags}'], { nesterov: true, lr: 0.5 })).toEqual(['--lr=0.5', '--nesterov'])
})

test('a nested parameter is found by its full name, a group by its own', () => {
  expect(expand(['{opt.kind} {opt} {model.dim}'])).toEqual(["adam {'kind': 'adam', 'eps': 1.0} 64"])
})

test('a value that looks like a placeholder or a flag stays a value', () => {
  const space = parsed(withParameters('a: {values: ["${b}", "{b}", "--help", "-1"]}\nb: {value: 5}')).space
  expect(expand(['--x={a}', '${args}'], { a: '${b}', b: 5 }, space)).toEqual(['--x=${b}', '--a=${b}', '--b=5'])
  expect(expand(['${args}'], { a: '--help', b: 5 }, space)).toEqual(['--a=--help', '--b=5'])
})

test.each(['; rm -rf /', '$(id)', '`id`', 'a\nb', '🙂', '\u202Etxt', 'x'.repeat(100_000)])(
  'the value %j reaches a real program byte for byte',
  (value) => {
    const space = parsed(withParameters('a: {value: 1}')).space
    const argv = expand(
      [process.execPath, '-e', 'process.stdout.write(process.argv[1])', '--', '${args}'],
      { a: value },
      space,
    )
    const { stdout } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' })
    expect(stdout).toBe(`--a=${value}`)
  },
)

test('whole floats keep their .0 in params.json, and nesting is that of the document', () => {
  expect(paramsJson(SPACE, { ...CONFIG, 'model.dim': 2 })).toBe(`{
  "lr": 1.0,
  "layers": 2,
  "nesterov": true,
  "opt": {
    "kind": "adam",
    "eps": 1.0
  },
  "model.dim": 2.0,
  "note": null
}
`)
  expect(nestConfig(SPACE, CONFIG)).toEqual({
    lr: 1,
    layers: 2,
    nesterov: true,
    opt: { kind: 'adam', eps: 1 },
    'model.dim': 64,
    note: null,
  })
})

test('params.json is JSON for every config and says what the nested config says', () => {
  const names = SPACE.parameters.map(({ name }) => name)
  const config = fc.dictionary(
    fc.oneof(fc.constantFrom(...names), fc.string({ minLength: 1 })),
    fc.jsonValue() as fc.Arbitrary<Json>,
  )
  fc.assert(
    fc.property(config, (values) => {
      const clean = JSON.parse(JSON.stringify(values)) as Config
      expect(JSON.parse(paramsJson(SPACE, clean))).toEqual(JSON.parse(JSON.stringify(nestConfig(SPACE, clean))))
    }),
  )
})
