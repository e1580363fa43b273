import { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { SweepId } from '@sweep/spec/ids'
import { expect, test } from 'vitest'
import { OwnedSweep } from './owned-sweep.ts'

const DOCUMENT = SweepDocument.parse({
  method: 'random',
  seed: 1,
  command: ['true'],
  metric: { name: 'loss', goal: 'minimize' },
  space: { parameters: [{ type: 'float', name: 'x', path: ['x'], min: 0, max: 1 }] },
})

function afterFacts(bodies: readonly FactBody[]): { stoppable: readonly number[]; cancellable: readonly number[] } {
  const sweep = new OwnedSweep(SweepId.parse('605dkfqb6b'), 1, DOCUMENT)
  sweep.tell(bodies.map((body, index) => ({ ...body, seq: index + 1, at: new Date(0) })))
  const { stoppable, cancellable } = sweep.view(0)
  return { stoppable, cancellable }
}

const running: FactBody[] = [
  { kind: 'sweep-created', seed: 1 },
  { kind: 'trial-created', trial: 1, config: { x: 0.5 }, source: 'sampler', basis: 0, draw: 0, reason: 'drawn' },
  { kind: 'attempt-queued', trial: 1, attempt: 1, reason: 'first attempt' },
  { kind: 'attempt-started', trial: 1, attempt: 1, epoch: 1, agent: 'host', gpus: 0 },
]
const asked = (stop: 'pruned' | 'cancelled'): FactBody => ({
  kind: 'stop-asked',
  trial: 1,
  attempt: 1,
  stop,
  basis: 0,
  by: 'test',
  verdict: { reason: 'test' },
})

test('what was asked to stop is not asked again, but may still be cancelled, and that once', () => {
  expect(afterFacts(running)).toEqual({ stoppable: [1], cancellable: [1] })
  expect(afterFacts([...running, asked('pruned')])).toEqual({ stoppable: [], cancellable: [1] })
  expect(afterFacts([...running, asked('pruned'), asked('cancelled')])).toEqual({ stoppable: [], cancellable: [] })
})

test('what has ended is asked nothing', () => {
  const ended: FactBody = {
    kind: 'attempt-ended',
    trial: 1,
    attempt: 1,
    cause: 'succeeded',
    message: '',
    gpuSeconds: 0,
    seconds: 1,
  }
  expect(afterFacts([...running, ended])).toEqual({ stoppable: [], cancellable: [] })
})
