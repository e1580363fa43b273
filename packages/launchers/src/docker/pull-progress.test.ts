import { expect, test } from 'vitest'
import { PullProgress } from './pull-progress.ts'

const MB = 1024 * 1024

test('a pull tells how far all its layers together have got', () => {
  const progress = new PullProgress('my/train:1')
  const take = (id: string, status: string, current?: number, total?: number) => {
    progress.take({ id, status, progressDetail: current === undefined ? {} : { current, total: total ?? 0 } })
    return progress.text
  }
  expect(take('1', 'Pulling from my/train')).toBe('pulling my/train:1')
  expect(take('a', 'Pulling fs layer')).toBe('pulling my/train:1')
  expect(take('a', 'Downloading', 10 * MB, 100 * MB)).toBe('pulling my/train:1: 10% of 100MiB')
  expect(take('b', 'Downloading', 0, 100 * MB)).toBe('pulling my/train:1: 5% of 200MiB')
  expect(take('a', 'Verifying Checksum')).toBe('pulling my/train:1: 50% of 200MiB')
  expect(take('b', 'Download complete')).toBe('pulling my/train:1: unpacking 200MiB')
})
