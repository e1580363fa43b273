import { expect, test } from 'vitest'
import { queueName, shapeOf } from '../queue-name.ts'
import { messages, parsed } from './testing.ts'

const HEAD = 'method: random\nprogram: train.py\nrun_cap: 5\nparameters: {lr: {min: 0.0, max: 1.0}}\n'

test('labels, model and memory are read, values of labels as they are spelled', () => {
  const { requires } = parsed(
    `${HEAD}requires: {labels: {zone: b, cuda: 12.10, "node.kubernetes.io/spot": true}, gpu_model: A100, gpu_memory: 40GB}`,
  )
  expect(requires).toEqual({
    labels: { zone: 'b', cuda: '12.10', 'node.kubernetes.io/spot': 'true' },
    gpuModel: 'A100',
    gpuMemoryBytes: 40e9,
  })
  expect(parsed(HEAD).requires).toBeUndefined()
})

test('what is required has a queue of its own, the same in whatever order it is written', () => {
  const nameOf = (requires: string) => {
    const document = parsed(`${HEAD}${requires}`)
    return queueName(document.queue, shapeOf(document), document.launcher)
  }
  const name = nameOf('requires: {gpu_model: A100, labels: {zone: b, disk: ssd}}')
  expect(name).toMatch(/^sweep-default-any-r[0-9a-f]{16}$/)
  expect(nameOf('requires: {labels: {disk: ssd, zone: b}, gpu_model: A100}')).toBe(name)
  expect(nameOf('requires: {labels: {disk: ssd, zone: a}, gpu_model: A100}')).not.toBe(name)
  expect(nameOf('')).toBe('sweep-default-any')
})

test.each([
  ['requires: {label: {zone: b}}', /"label" is not a key in requires/],
  ['requires: {gpu_modell: A100}', /"gpu_modell" is not a key in requires/],
  ['tags: [a]\ngpu_model: A100', /"gpu_model" is not a key of a sweep file/],
  ['requires: {gpu_memory: much}', /gpu_memory is "much", but must be a size such as/],
  ['requires: {labels: zone}', /labels is "zone", but must be a map such as \{zone: b\}/],
  ['requires: {labels: {zone: [a, b]}}', /zone is the list .* but must be text/],
  ['requires: {labels: {"a b": c}}', /labels\.a b can't be used as a name/],
  ['resources: {gpus: 1.5}', /gpus is 1\.5, but must be a whole number, or a share of one GPU such as 0\.33/],
  ['resources: {gpus: -1}', /gpus is -1, but must be a whole number, or a share/],
  ['requires: {gpu_model: A100}\nresources: {gpus: 0}', /gpu_model has no sense with resources\.gpus 0/],
])('%s is refused', (yaml, message) => {
  expect(messages(`${HEAD}${yaml}`).join('\n')).toMatch(message)
})
