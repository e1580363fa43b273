import { expect, test } from 'vitest'
import { Container } from './sweep-document.ts'
import { messages, parsed } from './testing.ts'

const HEAD = 'method: random\nprogram: train.py\nrun_cap: 5\nparameters: {lr: {min: 0.0, max: 1.0}}\n'

test('a container is read with its defaults, mounts in both spellings', () => {
  const { launcher, container } = parsed(`${HEAD}launcher: docker
container:
  image: pytorch/pytorch:2.5
  mounts: ["/data:/data:ro", .:/workspace, {source: /cache, target: /root/.cache}]
  workdir: /workspace
  user: "1000:1000"
  shm_size: 2GiB
  entrypoint: []
`)
  expect(launcher).toBe('docker')
  expect(container).toEqual({
    image: 'pytorch/pytorch:2.5',
    pull: 'missing',
    mounts: [
      { source: '/data', target: '/data', readOnly: true },
      { source: '.', target: '/workspace', readOnly: false },
      { source: '/cache', target: '/root/.cache', readOnly: false },
    ],
    workdir: '/workspace',
    user: '1000:1000',
    shmBytes: 2 * 1024 ** 3,
    network: 'bridge',
    entrypoint: [],
  })
})

test.each([
  'busybox',
  'my/train:1',
  'registry.lab:5000/team/train',
  `ghcr.io/a/b@sha256:${'0'.repeat(64)}`,
  `a:1@sha256:${'f'.repeat(64)}`,
])('%s is a name of an image', (image) => {
  expect(Container.parse({ image }).image).toBe(image)
})

test.each(['Not An Image', '../containers/x', 'a b', '', 'a:', 'a@sha256:12', '-x', 'a?b=c'])(
  '"%s" is none',
  (image) => {
    expect(Container.safeParse({ image }).success).toBe(false)
  },
)

test.each([
  ['launcher: docker', /launcher docker needs an image/],
  ['container: {image: x}', /container has no meaning with launcher process/],
  ['launcher: docker\ncontainer: {}', /container\.image is missing/],
  ['launcher: docker\ncontainer: {image: X Y}', /container\.image is "X Y", but must be the name of an image/],
  [
    'launcher: docker\ncontainer: {image: x, pull: often}',
    /pull is "often", but must be one of missing, always, never/,
  ],
  ['launcher: docker\ncontainer: {image: x, workdir: here}', /workdir is "here", but must be an absolute path/],
  ['launcher: docker\ncontainer: {image: x, privileged: true}', /privileged/],
  ['launcher: docker\ncontainer: {image: x, mounts: ["/data"]}', /mounts.*must be text such as/],
  [
    'launcher: docker\ncontainer: {image: x, mounts: ["/:/host"]}',
    /\/ can't be mounted: a trial would have the whole host/,
  ],
  ['launcher: docker\ncontainer: {image: x, mounts: ["/var/run/docker.sock:/s"]}', /docker\.sock can't be mounted/],
])('%s is refused', (yaml, message) => {
  expect(messages(`${HEAD}${yaml}\n`).join('\n')).toMatch(message)
})
