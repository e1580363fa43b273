import type { Database } from '@sweep/store/database'
import { newestMigration } from '@sweep/store/migrate'

/** Longer than any healthy answer, shorter than the patience of a probe. */
const PATIENCE_MS = 3000

/** The newest migration, as proof that the database works; throws when there is no answer in time. */
export async function askDatabase(database: Database): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS)
  })
  try {
    return await Promise.race([newestMigration(database), late])
  } finally {
    clearTimeout(timer)
  }
}

/** In words, for a probe; undefined while it works. */
export function whyDatabaseIsAway(database: Database): Promise<string | undefined> {
  return askDatabase(database).then(
    () => undefined,
    (error: unknown) => `Postgres does not answer: ${error instanceof Error ? error.message : String(error)}`,
  )
}
