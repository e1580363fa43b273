import { Health } from '@sweep/spec/wire/api'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { askDatabase } from './database-health.ts'

export function addHealthRoutes(app: App, { database, log, settings }: ApiContext): void {
  app.get(
    '/health',
    {
      config: { access: 'public' },
      schema: { summary: 'Whether the server and its database work', response: { 200: Health, 503: Health } },
    },
    async (_request, reply): Promise<Health> => {
      const migration = await askDatabase(database).catch((error: unknown) => {
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
