import { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { SuiteRandom, sampleUniform } from '../search/suite-random.ts'
import { choice, float, int, searchSpace } from '../search/suite-space.ts'
import { numberAt } from '../search/task.ts'
import { lg } from '../search/tuning-tasks.ts'

/** The sweep that the suite's baselines of speed were measured on (its run_speed.py): ten parameters of all kinds. */
const LETTERS = ['v', 'w', 'x', 'y', 'z']
const space = searchSpace(
  float('a', 1e-5, 1, 'log'),
  float('b', 0, 1),
  float('c', -5, 10),
  float('d', 1e-3, 1e3, 'log'),
  int('e', 1, 100),
  int('f', 1, 1024, 'log'),
  int('g', 0, 9),
  choice('h', LETTERS),
  choice('i', ['p', 'q']),
  float('j', 0, 1),
)

export function mixedDocument(method: SweepDocument['method']): SweepDocument {
  return SweepDocument.parse({ method, seed: 1, command: ['none'], metric: { name: 'value', goal: 'minimize' }, space })
}

export function mixedValue(config: Config): number {
  const at = (name: string) => numberAt(config, name)
  return (
    (lg(at('a')) + 3) ** 2 +
    (at('b') - 0.3) ** 2 +
    (at('c') / 5) ** 2 +
    (lg(at('d')) - 1) ** 2 * 0.1 +
    (at('e') - 40) ** 2 / 1e3 +
    LETTERS.indexOf(String(config['h'])) * 0.2
  )
}

/** The history of trials 1 to `count`, finished one after the other, with the baselines' own random configs. */
export function* finishedTrials(count: number): Generator<FactBody> {
  const random = new SuiteRandom(0)
  for (let trial = 1; trial <= count; trial += 1) yield* finishedTrial(trial, sampleUniform(space, random))
}

/** What the store writes of one trial that reports once and ends. */
export function finishedTrial(trial: number, config: Config): FactBody[] {
  const value = mixedValue(config)
  const attempt = 1
  return [
    { kind: 'trial-created', trial, config, source: 'sampler', basis: 0, draw: trial - 1, reason: 'drawn' },
    { kind: 'attempt-queued', trial, attempt, reason: 'a slot is free' },
    { kind: 'attempt-started', trial, attempt, epoch: 1, agent: 'bench', gpus: 1 },
    { kind: 'report', trial, attempt, step: 1, ordinal: 1, value },
    { kind: 'attempt-ended', trial, attempt, cause: 'succeeded', message: '', gpuSeconds: 1, seconds: 1 },
    { kind: 'trial-ended', trial, state: 'completed', value, reason: 'finished' },
  ]
}
