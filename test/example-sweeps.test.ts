import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from '@sweep/spec/document/parse-document'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { renderSweep } from '../services/agent/src/operator/render-sweep.ts'
import { resourceOf } from '../services/agent/src/operator/testing/resources.ts'

const SWEEPS = join(import.meta.dirname, '..', 'sweeps')

describe('example sweeps', () => {
  const names = readdirSync(SWEEPS, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  )

  test.each(names)('%s is read without an error or a warning, and its program is there', (name) => {
    const file = join(SWEEPS, name, 'sweep.yaml')
    const newSeed = (): number => {
      throw new Error('an example names its seed, so that its README stays true')
    }
    const { document, diagnostics } = parseDocument(readFileSync(file, 'utf8'), { file, newSeed })
    expect(diagnostics).toEqual([])
    expect(document?.metric?.name).toBeDefined()
    expect(existsSync(join(SWEEPS, name, document?.program ?? ''))).toBe(true)
  })

  test('the resource of the digits sweep is read without an error or a warning', () => {
    // As kubectl sends it, which knows no 1.0.
    const { spec } = JSON.parse(JSON.stringify(parse(readFileSync(join(SWEEPS, 'digits/sweep-resource.yaml'), 'utf8'))))
    const rendered = renderSweep(resourceOf('Sweep', spec))
    if ('problems' in rendered) throw new Error(rendered.problems.join())
    const { diagnostics } = parseDocument(JSON.stringify(rendered.document), { file: 'x', newSeed: () => 1 })
    expect(diagnostics).toEqual([])
  })
})
