import { Health } from '@sweep/spec/wire/api'
import { newestMigration } from '@sweep/store/migrate'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'

/** Longer than any healthy answer, shorter than the patience of a probe. */
const PATIENCE_MS = 3000

export function addHealthRoutes(app: App, { database, log, settings }: ApiContext): void {
  app.get(
    '/health',
    {
      config: { access: 'public' },
      schema: { summary: 'Whether the server and its database work', response: { 200: Health, 503: Health } },
    },
    async (_request, reply): Promise<Health> => {
      const migration = await within(PATIENCE_MS, newestMigration(database)).catch((error: unknown) => {
        log.warn({ err: error }, 'database does not answer')
        return undefined
      })
      reply.header('cache-control', 'no-store')
      const { version } = settings
      if (migration === undefined) {
        reply.header('retry-after', '2')
        reply.status(503)
        return { status: 'unavailable', version, database: 'away', migration: null }
      }
      return { status: 'ok', version, database: 'ok', migration }
    },
  )
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
