import { setImmediate as pause } from 'node:timers/promises'
import { reportPage } from '@sweep/report/html/page'
import { reportText } from '@sweep/report/markdown/report-text'
import { sweepReport } from '@sweep/report/sweep-report'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { reportSource } from './report-source.ts'
import { knownSweep, SweepPath } from './sweep-routes.ts'

const ReportQuery = z.strictObject({ format: z.enum(['html', 'md']).default('html') })

/** The page needs its own styles, and nothing else: whatever it holds, no script of it runs. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** What a sweep has come to, for people; docs/analysis/report.md. */
export function addReportRoutes(app: App, context: ApiContext): void {
  /** One report at a time: together they would hold up what agents ask. */
  let last: Promise<unknown> = Promise.resolve()

  app.get(
    '/sweeps/:id/report',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Report of a sweep as one self-contained page, or as Markdown',
        params: SweepPath,
        querystring: ReportQuery,
      },
    },
    async (request, reply) => {
      const sweep = await knownSweep(request.params.id, context)
      const isPage = request.query.format === 'html'
      const wait = () => pause()
      const turn = last.then(async () => {
        const report = await sweepReport(await reportSource(sweep, context), wait)
        return isPage ? reportPage(report, wait) : reportText(report)
      })
      last = turn.catch(() => undefined)
      const text = await turn
      reply.serializer((page: string) => page)
      reply.headers({
        'content-type': isPage ? 'text/html; charset=utf-8' : 'text/markdown; charset=utf-8',
        'cache-control': 'no-store',
        ...(isPage ? { 'content-security-policy': PAGE_POLICY } : {}),
      })
      return text
    },
  )
}
