import { Json } from '@sweep/spec/number'
import type { Queryable } from './database.ts'
import { jsonText } from './json-text.ts'

/** The stored value of a setting; stores `initial` first when there is none, so that all services agree on one. */
export async function settingOrInitial(database: Queryable, key: string, initial: Json): Promise<Json> {
  await database.query('insert into settings (key, value) values ($1, $2) on conflict do nothing', [
    key,
    jsonText(initial),
  ])
  const { rows } = await database.query<{ value: unknown }>('select value from settings where key = $1', [key])
  return Json.parse(rows[0]?.value)
}
