import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { openDatabase } from './database.ts'
import { listen, notify } from './listen.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

test('notifications arrive on the channels that were asked for, and no other', async () => {
  const heard: string[] = []
  const listener = await listen(fixture.database, {
    channels: ['sweep_changed', 'attempt_stop'],
    onNotify: (channel, payload) => heard.push(`${channel} ${payload}`),
    onReconnect: () => undefined,
  })
  await notify(fixture.database, 'attempts_queued', ['nobody listens'])
  await notify(fixture.database, 'sweep_changed', ['a', 'b'])
  await notify(fixture.database, 'attempt_stop', ['c'])
  await vi.waitFor(() => expect(heard).toEqual(['sweep_changed a', 'sweep_changed b', 'attempt_stop c']))
  await listener.close()
})

test('a listener whose connection is cut connects again and says so', async () => {
  const heard: string[] = []
  let connects = 0
  const listener = await listen(fixture.database, {
    channels: ['sweep_changed'],
    onNotify: (_, payload) => heard.push(payload),
    onReconnect: () => {
      connects += 1
    },
  })
  expect(connects).toBe(1)
  await fixture.database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'listen%'`,
  )
  await vi.waitFor(() => expect(connects).toBe(2), { timeout: 5000 })
  await notify(fixture.database, 'sweep_changed', ['again'])
  await vi.waitFor(() => expect(heard).toEqual(['again']))
  await listener.close()
})

test('a listener that is closed leaves no connection and makes no other', async () => {
  const listener = await listen(fixture.database, {
    channels: ['sweep_changed'],
    onNotify: () => undefined,
    onReconnect: () => undefined,
  })
  await listener.close()
  await vi.waitFor(async () => {
    const { rows } = await fixture.database.query(
      `select 1 from pg_stat_activity where datname = current_database() and query like 'listen%'`,
    )
    expect(rows).toEqual([])
  })
})

test('a server that is not there at the start is unavailable', async () => {
  const database = openDatabase({ url: 'postgres://sweep@127.0.0.1:1/none', applicationName: 'test' })
  const options = { channels: ['sweep_changed'] as const, onNotify: () => undefined, onReconnect: () => undefined }
  await expect(listen(database, options)).rejects.toMatchObject({ code: 'unavailable' })
  await database.close()
})
