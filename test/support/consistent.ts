import { openDatabase } from '@sweep/store/database'
import { expect } from 'vitest'
import { checkInvariants } from './invariants.ts'
import { postgresOf } from './postgres-of.ts'
import { sweep, type TestServer } from './server.ts'

/** After a fault: every count agrees with the rows and the facts, and the facts give the same decisions again. */
export async function expectConsistent(server: TestServer, ids: readonly string[]): Promise<void> {
  const database = openDatabase({ url: await postgresOf(server), applicationName: 'sweep-check' })
  try {
    expect(await checkInvariants(database)).toEqual([])
  } finally {
    await database.close()
  }
  for (const id of ids) {
    const replay = await sweep(['replay', id], { env: await server.environment() })
    expect(replay.status, replay.stdout + replay.stderr).toBe(0)
  }
}
