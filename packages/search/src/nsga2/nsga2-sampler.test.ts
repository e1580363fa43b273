import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { createSearch } from '../search.ts'
import { contains } from '../space/contains.ts'
import { documentOf } from '../testing/documents.ts'
import { created, report, sideReport } from '../testing/histories.ts'
import { learningContract } from '../testing/learning-contract.ts'
import { objectivesContract } from '../testing/objectives-contract.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { finished, runMethod } from '../testing/sequential-run.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { nsga2Sampler } from './nsga2-sampler.ts'

samplerContract(nsga2Sampler, allSpaces)
learningContract('nsga2', 60)
objectivesContract('nsga2', 60)

const objectives = [
  { name: 'loss', goal: 'minimize' },
  { name: 'size', goal: 'minimize' },
] as const
const square = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })

test('the first twelve are drawn at random, and reasons say from how many trials the others come', () => {
  const outcome = ({ x, y }: Config) => ({ loss: Number(x), size: Number(y) })
  const { reasons } = runMethod('nsga2', 14, outcome, { space: square, objectives })
  expect(reasons[11]).toBe('drawn at random: 11 of 12 trials for a population have ended')
  expect(reasons[12]).toBe('child of two of the best 10 of 12 trials')
})

test('choices and what they switch on are learned', () => {
  const space = spaceOf(
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c', 'd'] },
    { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a', 'b'] } },
    { name: 'q', type: 'float', min: 0, max: 1, when: { kind: ['b', 'c'] } },
  )
  const outcome = ({ kind, p = 0.5, q = 0.5 }: Config) => {
    const off = (kind === 'b' ? 0 : 0.5) + Math.abs(Number(p) - 0.9)
    return { loss: off + Number(q), size: off + 1 - Number(q) }
  }
  const { configs } = runMethod('nsga2', 150, outcome, { space, objectives })
  for (const config of configs) expect(contains(space, config)).toBe(true)
  const late = configs.slice(100)
  expect(late.filter(({ kind }) => kind === 'b').length).toBeGreaterThan(late.length / 2)
  expect(late.some(({ kind }) => kind !== 'b')).toBe(true)
})

test('in a discrete space a child that was issued is changed further, and the reason says so', () => {
  const space = spaceOf({ name: 'n', type: 'int', min: 1, max: 40 })
  const outcome = ({ n }: Config) => ({ loss: Number(n), size: 40 - Number(n) })
  const { configs, reasons } = runMethod('nsga2', 40, outcome, { space, objectives })
  expect(new Set(configs.map(({ n }) => n)).size).toBe(40)
  expect(reasons.some((reason) => /changed further as \d+ like it were issued before/.test(reason))).toBe(true)
})

test('where trials are stopped early, parents are the best of the level that enough of them reached', () => {
  const document = documentOf({ method: 'nsga2', space: square, objectives, earlyTerminate: { type: 'asha' } })
  let { sampler } = createSearch(document)
  for (let trial = 1; trial <= 60; trial += 1) {
    // Those on the right came far and are good in one objective or the other; those on the left stopped at once.
    const isFar = trial % 4 === 0
    const [loss, size] = isFar ? [trial, 100 - trial] : [0, 0]
    sampler = sampler.tell(created(trial, { x: isFar ? 0.9 : 0.1, y: trial / 70 }, trial - 1))
    sampler = sampler.tell(sideReport(trial, 1, size)).tell(report(trial, isFar ? 9 : 1, loss))
    sampler = sampler.tell(finished(trial, { loss, size }, 'pruned'))
  }
  const xs = sampler.ask(20).suggestions.map(({ config }) => Number(config['x']))
  expect(xs.filter((x) => x > 0.5).length).toBeGreaterThan(14)
})
