import { RunHeartbeat } from '@sweep/spec/wire/tracking/runs'
import { noteHeartbeat } from '@sweep/store/tracking/run-heartbeats'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { beatMs, RUN_PATIENCE } from './run-patience.ts'
import { RunPath } from './run-routes.ts'

export function addRunHeartbeatRoutes(app: App, { database, settings }: ApiContext): void {
  const everyMs = beatMs(settings.runPatience ?? RUN_PATIENCE)

  app.post(
    '/runs/:id/heartbeat',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Say that the program of a run lives; one that was given up is running again',
        params: RunPath,
        body: z.strictObject({}).nullish(),
        response: { 200: RunHeartbeat },
      },
    },
    async (request) => ({ status: await noteHeartbeat(database, request.params.id), everyMs }),
  )
}
