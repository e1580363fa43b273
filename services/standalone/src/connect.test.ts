import { SweepError } from '@sweep/spec/errors'
import { expect, test } from 'vitest'
import { connectWithRetry, withoutSecrets } from './connect.ts'

test('a connection is tried again until it works, and each failure is told', async () => {
  const told: string[] = []
  let left = 2
  const result = await connectWithRetry(
    'Postgres at db:5432',
    async () => {
      if (left-- > 0) throw new SweepError('unavailable', 'no', { cause: new Error('refused') })
      return 'in'
    },
    10_000,
    (message) => told.push(message),
  )
  expect(result).toBe('in')
  expect(told).toHaveLength(2)
  expect(told[0]).toBe("Postgres at db:5432 can't be reached (refused); trying again in 0.3 s")
})

test('what another try cannot mend is thrown at once, and the rest when time is up', async () => {
  const fatal = new SweepError('conflict', 'a newer release')
  await expect(
    connectWithRetry(
      'Postgres',
      () => Promise.reject(fatal),
      10_000,
      () => {},
    ),
  ).rejects.toBe(fatal)
  const away = () => Promise.reject(new Error('refused'))
  await expect(connectWithRetry('Postgres', away, 0, () => {})).rejects.toThrow(/can't be reached after 0 s: refused/)
})

test('an address is shown without its password', () => {
  expect(withoutSecrets('postgres://me:secret@db.local:5433/sweep')).toBe('db.local:5433')
  expect(withoutSecrets('redis://:secret@cache')).toBe('cache:6379')
  expect(withoutSecrets('nonsense')).toBe('the configured address')
})
