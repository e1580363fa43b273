import { openDatabase } from '@sweep/store/database'
import pino from 'pino'
import { RetentionKeeper } from '../retention-keeper.ts'

/** Does one round and ends: a server that is to be killed in the middle of it. */
const database = openDatabase({ url: process.env['DATABASE_URL'] ?? '', applicationName: 'sweep-test-keeper' })
const keeper = new RetentionKeeper({
  database,
  clock: { now: () => Date.now() },
  log: pino({ level: 'silent' }),
  id: 'killed',
  leaseMs: 500,
})
await keeper.round({ onlyAsked: false })
await database.close()
