import { expect, test } from 'vitest'
import { messages, parsed, shown } from './testing.ts'

const HEAD = `method: random
command: [python3, train.py]
run_cap: 5
parameters: {x: {min: 0.0, max: 1.0}}
`
const WITH = `${HEAD}launcher: kubernetes\n`
const sweep = (kubernetes: string) => `${WITH}kubernetes: ${kubernetes}\n`

test('an image is enough', () => {
  expect(parsed(sweep('{image: "my/train:1"}'))).toMatchObject({
    launcher: 'kubernetes',
    kubernetes: { image: 'my/train:1', gpuResource: 'nvidia.com/gpu', ttlMs: 600_000, imageTimeoutMs: 300_000 },
  })
})

test('durations are read, and a template is kept as it is', () => {
  const template = {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [{ image: 'x', newKey: [1] }], nodeSelector: {} },
  }
  const { kubernetes } = parsed(
    sweep(
      `{namespace: team-a, queue: gpus, gpu_resource: amd.com/gpu, deadline: 12h, ttl: 0, image_timeout: 2m, checkpoints: /c, template: ${JSON.stringify(template)}}`,
    ),
  )
  expect(kubernetes).toEqual({
    ...{ namespace: 'team-a', queue: 'gpus', gpuResource: 'amd.com/gpu', checkpoints: '/c', template },
    ...{ deadlineMs: 43_200_000, ttlMs: 0, imageTimeoutMs: 120_000 },
  })
})

test.each([
  [WITH, '5:1 error: launcher kubernetes needs an image'],
  [sweep('{namespace: a}'), '6:1 error: launcher kubernetes needs an image'],
  [`${HEAD}kubernetes: {image: x}\n`, '5:1 error: kubernetes has no meaning with launcher process'],
  [
    sweep('{image: x, template: {spec: {containers: [{image: y}]}}}'),
    '6:21 error: the image is named here and in the template',
  ],
  [
    sweep('{template: {spec: {containers: [{image: y, args: [a]}]}}}'),
    '6:56 error: args of the container would not be used',
  ],
  [sweep('{image: x, template: {spec: {containers: []}}}'), 'a list of at least one container'],
  [sweep('{image: x, template: {metadata: {labels: {a: 1}}}}'), 'must be text'],
  [sweep('{image: x, deadline: 10ms}'), 'at least 1s'],
  [sweep('{image: x, namespace: Team_A}'), 'must be the name of a namespace'],
  [sweep('{image: x, gpu_resource: gpu}'), 'nvidia.com/gpu'],
  [sweep('{image: x, checkpoints: here}'), 'starting with /'],
])('%s', (source, message) => {
  expect(
    messages(source)
      .filter((one) => one.includes('error'))
      .join(),
  ).toContain(message)
})

test('a misspelt key is told with the right one', () => {
  expect(shown(sweep('{image: x, gpu_ressource: a.b/gpu}'))).toContain('gpu_resource')
})
