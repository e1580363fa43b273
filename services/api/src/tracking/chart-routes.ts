import { bars } from '@sweep/analysis/charts/bar'
import { heatmap } from '@sweep/analysis/charts/heatmap'
import { runContour, runLines } from '@sweep/analysis/charts/run-points'
import { scatter } from '@sweep/analysis/charts/scatter'
import type { RunData } from '@sweep/analysis/runs/run-data'
import { stepBuckets } from '@sweep/analysis/step-buckets'
import { assertNever } from '@sweep/spec/assert-never'
import type { Field } from '@sweep/spec/filter/filter'
import { parseField } from '@sweep/spec/filter/parse-filter'
import { Chart, ChartRequest } from '@sweep/spec/wire/tracking/charts'
import type { Database } from '@sweep/store/database'
import type { FoundRun } from '@sweep/store/run-search/search-runs'
import { readRunSeries } from '@sweep/store/tracking/run-series'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { runData, runsToAnalyse, scopeOf } from './run-search.ts'

type Request = z.output<typeof ChartRequest>
type LineRequest = Extract<Request, { kind: 'line' }>
type FieldRequest = Exclude<Request, LineRequest>

export function addChartRoutes(app: App, { database }: ApiContext): void {
  app.post(
    '/runs/chart',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'The data of a chart over runs: line, scatter, bar, heatmap, parallel coordinates or contour',
        body: ChartRequest,
        response: { 200: Chart },
      },
    },
    async (request): Promise<Chart> => {
      const { body } = request
      const scope = await scopeOf(database, body)
      if (body.kind === 'line') {
        const { runs } = await runsToAnalyse(database, scope, body.runs)
        return lineChart(database, runs, body)
      }
      const fields = fieldsOf(body)
      const names = Object.values(fields).flat()
      const metrics = names.flatMap((field) => (field?.kind === 'metric' ? [field.name] : []))
      const { runs } = await runsToAnalyse(database, { ...scope, metrics }, body.runs)
      return fieldChart(runs.map(runData), body, fields) as Chart
    },
  )
}

interface ChartFields {
  readonly x?: Field
  readonly y?: Field
  readonly value?: Field
  readonly color?: Field
  readonly axes?: readonly Field[]
}

/** The fields that a request names. Throws `invalid-request` where one can't be read. */
function fieldsOf(request: FieldRequest): ChartFields {
  switch (request.kind) {
    case 'scatter':
      return {
        x: parseField(request.x),
        y: parseField(request.y),
        ...(request.color === undefined ? {} : { color: parseField(request.color) }),
      }
    case 'bar':
      return { x: parseField(request.x), y: parseField(request.y) }
    case 'heatmap':
    case 'contour':
      return { x: parseField(request.x), y: parseField(request.y), value: parseField(request.value) }
    case 'parallel':
      return {
        value: parseField(request.value),
        ...(request.fields === undefined ? {} : { axes: request.fields.map(parseField) }),
      }
    default:
      return assertNever(request)
  }
}

function fieldChart(runs: readonly RunData[], request: FieldRequest, fields: ChartFields): unknown {
  const { x, y, value, color, axes } = fields as Required<ChartFields>
  switch (request.kind) {
    case 'scatter':
      return { kind: request.kind, ...scatter(runs, { x, y, color }) }
    case 'bar':
      return { kind: request.kind, ...bars(runs, { x, y }) }
    case 'heatmap':
      return { kind: request.kind, ...heatmap(runs, { x, y, value }, request.bands) }
    case 'parallel':
      return { kind: request.kind, ...runLines(runs, axes ?? paramsOf(runs), value, request.goal) }
    case 'contour': {
      const { xs, ys, cells, r2, leftOut } = runContour(runs, [x, y], value, request.goal)
      return { kind: request.kind, xs, ys, cells, r2, leftOut }
    }
    default:
      return assertNever(request)
  }
}

function paramsOf(runs: readonly RunData[]): Field[] {
  const names = [...new Set(runs.flatMap(({ params }) => Object.keys(params)))].sort()
  return names.map((name) => ({ kind: 'param', name }))
}

async function lineChart(database: Database, runs: readonly FoundRun[], request: LineRequest): Promise<Chart> {
  const { metric, points } = request
  const lines: Extract<Chart, { kind: 'line' }>['lines'] = []
  // One after the other, so that no more than one is in memory whole.
  for (const { id: run, key, name } of runs) {
    const series = await readRunSeries(database, key, metric)
    const { steps, values } = series
    if (steps.length === 0) continue
    if (steps.length <= points) {
      lines.push({ run, name, bucketSteps: null, steps: [...steps], values: [...values] })
      continue
    }
    const { width: bucketSteps, steps: ends, values: lasts, min, max } = stepBuckets(series, points)
    lines.push({ run, name, bucketSteps, steps: ends, values: lasts, min, max })
  }
  return { kind: 'line', metric, lines, leftOut: runs.length - lines.length }
}
