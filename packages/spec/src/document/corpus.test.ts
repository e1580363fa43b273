import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Json } from '../number.ts'
import type { SweepDocument } from './sweep-document.ts'
import { parse } from './testing.ts'

/** Sweep files published by other people, kept beside the repository where there is a copy. */
const FOLDER = fileURLToPath(new URL('../../../../../shared/corpus/wandb/', import.meta.url))

interface CorpusFile {
  readonly file: string
  readonly kind: 'sweep' | 'lookalike'
  readonly n_params: number
  readonly grid_points?: number
  readonly features: readonly string[]
}

/** Sweeps that are refused all the same, and why. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  '007.yaml': /sigma_data is continuous, and a grid needs a list of values/,
  '012.yaml': /epochs lacks min/,
  '026.yaml': /early_terminate\.eta is 1, but must be a number above 1/,
  '088.yaml': /"CSDI\.target_strategy = \\"random\\"" can't be the name of a parameter/,
}

const LOOKALIKES: Readonly<Record<string, RegExp>> = {
  '115.yaml': /looks like an Optuna configuration/,
  '116.yaml': /looks like another tool's sweep/,
  '117.yaml': /looks like another tool's sweep/,
  '118.yaml': /parameters\.lr is 0\.0001, but must be a map/,
  '119.yaml': /looks like a Hydra configuration/,
}

const isThere = existsSync(`${FOLDER}index.json`)
const files = isThere ? (JSON.parse(readFileSync(`${FOLDER}index.json`, 'utf8')) as { files: CorpusFile[] }).files : []

test.skipIf(!isThere)('the corpus of published sweep files is whole (needs ../shared/corpus/wandb)', () => {
  expect(files).toHaveLength(119)
})

test.each(files)('$file ($kind)', (entry) => {
  const { file, kind, features } = entry
  const overrides: Record<string, Json> = {}
  // Files for W&B's Python API name no program.
  if (!features.includes('top:program') && !features.includes('top:command')) overrides['program'] = 'train.py'
  const source = readFileSync(`${FOLDER}${file}`, 'utf8')
  const { document, diagnostics } = parse(source, overrides)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  // All but what concerns an override has a place.
  for (const { line, path } of diagnostics) expect(line !== undefined || Object.hasOwn(overrides, path)).toBe(true)

  const refusal = kind === 'lookalike' ? LOOKALIKES[file] : REFUSED[file]
  if (refusal !== undefined) {
    expect(document).toBeNull()
    expect(errors.map(({ message }) => message).join('\n')).toMatch(refusal)
    return
  }
  expect(errors).toEqual([])
  expect(document).not.toBeNull()
  if (document !== null) checkAgainstIndex(document, entry)
})

function checkAgainstIndex(document: SweepDocument, { n_params, grid_points, features }: CorpusFile): void {
  const { parameters } = document.space
  // The index counts groups too.
  const groups = parameters.flatMap(({ path }) => path.slice(1).map((_, depth) => path.slice(0, depth + 1).join(' ')))
  expect(parameters.length + new Set(groups).size).toBe(n_params)
  const isFlat = !features.includes('param:nested')
  // Where values is no list the index counts none, and we read a list of one.
  const isClean = !features.some((feature) => feature.startsWith('values:not-a-list'))
  if (grid_points !== undefined && isFlat && isClean) {
    const points = parameters.reduce((product, one) => product * (one.type === 'choice' ? one.values.length : 1), 1)
    expect(points).toBe(grid_points)
  }
  const inferred = (name: string): boolean =>
    features.includes(`dist-inferred:${name}`) || features.includes(`dist:${name}`)
  expect(parameters.some(({ type }) => type === 'int')).toBe(inferred('int_uniform'))
}
