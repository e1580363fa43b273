import { RunList } from '@sweep/spec/wire/tracking/runs'
import { SearchRuns, SearchRunsQuery } from '@sweep/spec/wire/tracking/search'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { runPage } from './run-search.ts'

export function addRunListRoutes(app: App, { database }: ApiContext): void {
  app.get(
    '/runs',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Runs and trials that a filter means, in an order; newest first without one',
        querystring: SearchRunsQuery,
        response: { 200: RunList },
      },
    },
    (request) => runPage(database, request.query),
  )

  app.post(
    '/runs/search',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'The same for filters that are too long for an address',
        body: SearchRuns,
        response: { 200: RunList },
      },
    },
    (request) => runPage(database, request.body),
  )
}
