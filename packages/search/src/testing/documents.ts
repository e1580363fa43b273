import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { spaceOf } from './spaces.ts'

/** Ten parameters of all kinds, as a real sweep has them. */
export const mixedSpace = spaceOf(
  { name: 'lr', type: 'float', min: 1e-5, max: 1e-1, scale: 'log' },
  { name: 'momentum', type: 'float', min: 0, max: 0.99 },
  { name: 'hidden', type: 'int', min: 16, max: 1024, scale: 'log' },
  { name: 'layers', type: 'int', min: 1, max: 8 },
  { name: 'batch', type: 'choice', values: [16, 32, 64, 128, 256] },
  { name: 'optimizer', type: 'choice', values: ['sgd', 'adam'] },
  { name: 'beta2', type: 'float', min: 0.9, max: 0.9999, when: { optimizer: ['adam'] } },
  { name: 'dropout', type: 'float', min: 0, max: 0.5, quantum: { q: 0.05, integer: false } },
  { name: 'decay', type: 'normal', mu: -8, sigma: 2, scale: 'log' },
  { name: 'epochs', type: 'constant', value: 30 },
)

export function documentOf(overrides: object = {}): SweepDocument {
  return SweepDocument.parse({
    method: 'random',
    seed: 17,
    command: ['python'],
    metric: { name: 'loss', goal: 'minimize' },
    space: mixedSpace,
    ...overrides,
  })
}
