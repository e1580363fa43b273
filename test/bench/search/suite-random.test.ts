import { contains } from '@sweep/search/space/contains'
import { expect, test } from 'vitest'
import { SuiteRandom, sampleUniform } from './suite-random.ts'
import { choice, float, int, searchSpace } from './suite-space.ts'

test('numbers are those of numpy', () => {
  // numpy.random.RandomState(5).rand(3), and after them .randint(3) and .randint(5), five times.
  const random = new SuiteRandom(5)
  expect([random.float(), random.float(), random.float()]).toEqual([
    0.22199317108973948, 0.8707323061773764, 0.20671915533942642,
  ])
  expect(Array.from({ length: 5 }, () => [random.below(3), random.below(5)])).toEqual([
    [0, 1],
    [0, 4],
    [2, 3],
    [0, 0],
    [0, 1],
  ])
})

test('of a single value nothing is drawn', () => {
  const [one, other] = [new SuiteRandom(5), new SuiteRandom(5)]
  expect(one.below(1)).toBe(0)
  expect(one.float()).toBe(other.float())
})

test('the state is renewed after 624 words', () => {
  const random = new SuiteRandom(5)
  for (let draw = 0; draw < 1000; draw += 1) random.float()
  expect(random.float()).toBe(0.7162461489862848)
})

const space = searchSpace(
  float('lr', 1e-4, 1, 'log'),
  int('layers', 1, 3),
  choice('opt', ['sgd', 'adam']),
  float('momentum', 0, 0.99, 'linear', { opt: ['sgd'] }),
)

test('configs lie in the space, with ends as likely as what is between them, and log scales in equal shares', () => {
  const random = new SuiteRandom(1)
  const configs = Array.from({ length: 3000 }, () => sampleUniform(space, random))
  for (const config of configs) expect(contains(space, config)).toBe(true)
  for (const layers of [1, 2, 3])
    expect(Math.abs(configs.filter((config) => config['layers'] === layers).length - 1000)).toBeLessThan(100)
  expect(Math.abs(configs.filter(({ lr }) => Number(lr) < 1e-2).length - 1500)).toBeLessThan(100)
  expect(configs.filter(({ momentum }) => momentum !== undefined).length).toBe(
    configs.filter(({ opt }) => opt === 'sgd').length,
  )
})
