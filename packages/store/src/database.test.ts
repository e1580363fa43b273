import { SweepError } from '@sweep/spec/errors'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { openDatabase } from './database.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
  await fixture.database.query('create table things (id int primary key, value int not null)')
  await fixture.database.query('insert into things values (1, 0), (2, 0)')
})
afterAll(() => fixture.drop())

test('a server that is not there is unavailable, and worth another try', async () => {
  const database = openDatabase({ url: 'postgres://sweep@127.0.0.1:1/none', applicationName: 'test' })
  await expect(database.query('select 1')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  await expect(database.tx((tx) => tx.query('select 1'))).rejects.toMatchObject({ code: 'unavailable' })
  await database.close()
})

test('a connection that is cut in a transaction is unavailable, and the pool makes a new one', async () => {
  const { database } = fixture
  const cut = database.tx(async (tx) => {
    await tx.query('update things set value = 9 where id = 1')
    await tx.query('select pg_terminate_backend(pg_backend_pid())')
  })
  await expect(cut).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  const { rows } = await database.query('select value from things where id = 1')
  expect(rows).toEqual([{ value: 0 }])
})

test('a transaction that throws leaves nothing', async () => {
  const { database } = fixture
  const failing = database.tx(async (tx) => {
    await tx.query('insert into things values (3, 0)')
    throw new SweepError('conflict', 'changed my mind')
  })
  await expect(failing).rejects.toMatchObject({ code: 'conflict' })
  expect((await database.query('select * from things where id = 3')).rows).toEqual([])
})

test('a statement that fails unseen does not pass for a commit', async () => {
  const failing = fixture.database.tx(async (tx) => {
    await tx.query('select 1 / 0').catch(() => undefined)
  })
  await expect(failing).rejects.toThrow('failed before it was committed')
})

test('of two transactions that lock one another out, both succeed', async () => {
  const { database } = fixture
  let arrived = 0
  let release: () => void = () => undefined
  const both = new Promise<void>((resolve) => {
    release = resolve
  })
  const lockBoth = (first: number, second: number) =>
    database.tx(async (tx) => {
      await tx.query('update things set value = value + 1 where id = $1', [first])
      arrived += 1
      if (arrived === 2) release()
      await both
      await tx.query('update things set value = value + 1 where id = $1', [second])
    })
  await Promise.all([lockBoth(1, 2), lockBoth(2, 1)])
  expect(arrived).toBeGreaterThan(2)
  const { rows } = await database.query('select value from things order by id')
  expect(rows).toEqual([{ value: 2 }, { value: 2 }])
})

test('numbers come as numbers, also those of eight bytes', async () => {
  const { rows } = await fixture.database.query(`select 9007199254740991::int8 as big, 'NaN'::float8 as nan`)
  expect(rows).toEqual([{ big: 9007199254740991, nan: Number.NaN }])
})
