import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { openDatabase } from './database.ts'
import { migrate } from './migrate.ts'

let fixture: TestDatabase
beforeEach(async () => {
  fixture = await testDatabase({ migrated: false })
})
afterEach(() => fixture.drop())

test('services that start at once migrate once', async () => {
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(fixture.database)))
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
  expect(applied.flat()).toContain('0001_initial.sql')
})

test('a schema of a newer release is refused', async () => {
  await migrate(fixture.database)
  await fixture.database.query(`insert into schema_migrations (name) values ('9999_future.sql')`)
  await expect(migrate(fixture.database)).rejects.toMatchObject({ code: 'conflict' })
})

test('a schema of one’s own keeps installations in one database apart', async () => {
  const apart = openDatabase({ url: fixture.url, schema: 'apart', applicationName: 'test' })
  await migrate(apart)
  const { rows } = await apart.query(`select schemaname from pg_tables where tablename = 'sweeps'`)
  await apart.close()
  expect(rows).toEqual([{ schemaname: 'apart' }])
})
