import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from '@sweep/spec/document/parse-document'
import { describe, expect, test } from 'vitest'

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
})
