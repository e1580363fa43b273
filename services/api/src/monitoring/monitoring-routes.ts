import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'

/** The same as on the monitor's port, for whoever may read everything. */
export function addMonitoringRoutes(app: App, { monitoring: { metrics } }: ApiContext): void {
  app.get('/metrics', { config: { access: 'viewer' }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store').type(metrics.contentType)
    return metrics.metrics()
  })
}
