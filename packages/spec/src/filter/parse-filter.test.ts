import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diagnosticsOf } from '../document/diagnostic.ts'
import { formatDiagnostic } from '../document/format-diagnostic.ts'
import { SweepError } from '../errors.ts'
import { RUN_STATUSES } from '../tracking/run-status.ts'
import {
  ATTRIBUTES,
  type AttributeName,
  COMPARISONS,
  FILTER_LIMITS,
  type Field,
  type Filter,
  METRIC_SUMMARIES,
  type Scalar,
  TEXT_OPERATORS,
  type TimeField,
  typeOf,
} from './filter.ts'
import { parseColumns, parseField, parseFilter, parseOrder } from './parse-filter.ts'
import { printField, printFilter, printOrder } from './print-filter.ts'

const metric = (name: string, summary: 'last' | 'min' | 'max' = 'last'): Field => ({ kind: 'metric', name, summary })
const param = (name: string): Field => ({ kind: 'param', name })
const tag = (name: string): Field => ({ kind: 'tag', name })
const attribute = (name: AttributeName): Field => ({ kind: 'attribute', name })

test('metrics, parameters, tags and what every run has are compared with values of their type', () => {
  expect(parseFilter('metrics.val_loss < 0.3 and params.optimizer = "adam"')).toEqual({
    kind: 'and',
    parts: [
      { kind: 'compare', field: metric('val_loss'), operator: '<', value: 0.3 },
      { kind: 'compare', field: param('optimizer'), operator: '=', value: 'adam' },
    ],
  })
  expect(parseFilter('params.lr = 1e-3')).toMatchObject({ value: 0.001 })
  expect(parseFilter('params.lr = "1e-3"')).toMatchObject({ value: '1e-3' })
  expect(parseFilter('params.amp = True')).toMatchObject({ value: true })
  expect(parseFilter('tags.version = 03')).toMatchObject({ field: tag('version'), value: '03' })
  expect(parseFilter('id in (22smncx93g-3, 0123456789)')).toMatchObject({ values: ['22smncx93g-3', '0123456789'] })
  expect(() => parseFilter('params.lr = 22smn')).toThrow('needs quotes')
  expect(parseFilter('trial >= 10')).toMatchObject({ field: attribute('trial'), value: 10 })
  expect(parseFilter('status = Running')).toMatchObject({ value: 'running' })
  expect(parseFilter('duration > 1h30m')).toMatchObject({ value: 5_400_000 })
  expect(parseFilter('duration > 90')).toMatchObject({ value: 90_000 })
  expect(parseFilter('metrics.loss = -inf')).toMatchObject({ value: Number.NEGATIVE_INFINITY })
  expect(parseFilter('metrics.loss = nan')).toMatchObject({ value: Number.NaN })
  expect(parseFilter('min(metrics.loss)<-.5')).toMatchObject({ field: metric('loss', 'min'), value: -0.5 })
})

test('times are dates, moments with a zone, or so long ago', () => {
  const at = (text: string) => parseFilter(`created >= ${text}`)
  expect(at('2026-01-31')).toMatchObject({ kind: 'time', value: { kind: 'at', ms: Date.UTC(2026, 0, 31) } })
  expect(at('2026-01-31T10:00Z')).toMatchObject({ value: { ms: Date.UTC(2026, 0, 31, 10) } })
  expect(at('"2026-01-31 10:00:00.5"')).toMatchObject({ value: { ms: Date.UTC(2026, 0, 31, 10, 0, 0, 500) } })
  expect(at('2026-01-31T10:00:00+02:00')).toMatchObject({ value: { ms: Date.UTC(2026, 0, 31, 8) } })
  expect(at('-7d')).toMatchObject({ value: { kind: 'ago', ms: 7 * 86_400_000 } })
  expect(at('"-1h30m"')).toMatchObject({ value: { kind: 'ago', ms: 5_400_000 } })
  for (const wrong of [
    '2026-04-31',
    '2026-13-01',
    '7d',
    'yesterday',
    '2026',
    '99999-01-01',
    '2026-01-01T25:00Z',
    '1e300',
  ]) {
    expect(() => at(wrong), wrong).toThrow('is no time')
  }
})

test('and binds tighter than or, not tightest; parentheses stand where one wants', () => {
  const term = (name: string): Filter => ({ kind: 'exists', field: tag(name) })
  expect(parseFilter('tags.a exists or tags.b exists and not tags.c exists')).toEqual({
    kind: 'or',
    parts: [term('a'), { kind: 'and', parts: [term('b'), { kind: 'not', part: term('c') }] }],
  })
  expect(parseFilter('(tags.a exists OR tags.b exists) AND tags.c exists')).toEqual({
    kind: 'and',
    parts: [{ kind: 'or', parts: [term('a'), term('b')] }, term('c')],
  })
})

test('lists, patterns and presence', () => {
  expect(parseFilter("params.opt in ('adam', sgd, 3)")).toEqual({
    kind: 'in',
    field: param('opt'),
    negated: false,
    values: ['adam', 'sgd', 3],
  })
  expect(parseFilter('status not in (failed, killed)')).toMatchObject({ negated: true, values: ['failed', 'killed'] })
  expect(parseFilter('name not like "a%"')).toMatchObject({ operator: 'like', negated: true, pattern: 'a%' })
  expect(parseFilter('name CONTAINS bert')).toMatchObject({ operator: 'contains', pattern: 'bert' })
  expect(parseFilter('metrics.acc missing')).toEqual({ kind: 'missing', field: metric('acc') })
  expect(parseFilter('tags.a is not null')).toEqual({ kind: 'exists', field: tag('a') })
  expect(parseFilter('tags.a IS NULL')).toEqual({ kind: 'missing', field: tag('a') })
})

test('names with odd characters stand in back-quotes, texts in either quote', () => {
  expect(parseFilter('metrics.`val loss` < 1')).toMatchObject({ field: metric('val loss') })
  expect(parseFilter('metrics."val loss" < 1')).toMatchObject({ field: metric('val loss') })
  expect(parseFilter('params.`it``s "🦄"` = 1')).toMatchObject({ field: param('it`s "🦄"') })
  expect(parseFilter('tags.a = "say ""hi"" it\'s"')).toMatchObject({ value: 'say "hi" it\'s' })
  expect(parseFilter("tags.a = 'it''s \\n'")).toMatchObject({ value: "it's \\n" })
  expect(parseFilter('metrics.train/loss.0 < 1')).toMatchObject({ field: metric('train/loss.0') })
  expect(parseFilter('metrics.größe < 1')).toMatchObject({ field: metric('größe') })
})

test("MLflow's filters are read", () => {
  expect(parseFilter("metrics.rmse < 1 and params.model = 'x'")).toMatchObject({ kind: 'and' })
  expect(parseFilter("attributes.status = 'RUNNING'")).toMatchObject({ field: attribute('status'), value: 'running' })
  expect(parseFilter("attribute.status = 'FINISHED'")).toMatchObject({ value: 'completed' })
  expect(parseFilter("status != 'SCHEDULED'")).toMatchObject({ value: 'pending' })
  expect(parseFilter('tags.`mlflow.runName` = "x"')).toMatchObject({ field: tag('mlflow.runName') })
  expect(parseFilter('tags.mlflow.source.name LIKE "%.py"')).toMatchObject({ field: tag('mlflow.source.name') })
  expect(parseFilter("tag.`mlflow.parentRunId` ILIKE 'ab%'")).toMatchObject({ operator: 'ilike' })
  expect(parseFilter('attributes.start_time >= 1664067852747')).toMatchObject({
    field: attribute('started'),
    value: { kind: 'at', ms: 1_664_067_852_747 },
  })
  expect(parseFilter("run_id IN ('a', 'b')")).toMatchObject({ field: attribute('id') })
  expect(parseFilter("attributes.run_name = 'n'")).toMatchObject({ field: attribute('name') })
  expect(parseFilter("attributes.`Run name` = 'n'")).toMatchObject({ field: attribute('name') })
  expect(parseFilter("run.user_id = 'me'")).toMatchObject({ field: attribute('created_by') })
  expect(parseFilter('parameter.lr IS NOT NULL')).toMatchObject({ kind: 'exists', field: param('lr') })
})

function complaint(source: string): string {
  try {
    parseFilter(source)
  } catch (error) {
    if (!(error instanceof SweepError)) throw error
    expect(error.code).toBe('invalid-request')
    return formatDiagnostic(diagnosticsOf(error)[0]!, { source })
  }
  throw new Error(`no complaint about ${source}`)
}

test('a mistake is shown where it is, with what was probably meant', () => {
  expect(complaint('metrcs.val_loss < 0.3')).toBe(
    [
      'filter:1:1: error: a run has no field "metrcs.val_loss"',
      '  1 | metrcs.val_loss < 0.3',
      '    | ^^^^^^^^^^^^^^^',
      '  Did you mean "metrics.val_loss"?',
    ].join('\n'),
  )
  expect(complaint('params.a = 1 and\n  statsu = running')).toBe(
    [
      'filter:2:3: error: a run has no field "statsu"',
      '  2 |   statsu = running',
      '    |   ^^^^^^',
      '  Did you mean "status"?',
    ].join('\n'),
  )
  expect(complaint('status = compleated')).toContain('Did you mean "completed"?')
  expect(complaint('val_loss < 0.3')).toContain('Metrics, parameters and tags are written metrics.NAME')
  expect(complaint('metrics.a lik "x"')).toContain('Did you mean "like"?')
  expect(complaint('metrics.a < "0.3"')).toContain('Leave out the quotes.')
  expect(complaint('params.a < "b"')).toContain('< compares numbers only')
  expect(complaint('params.a = params.b')).toContain('not with another field')
  expect(complaint('params.a = 1,5')).toContain('"," does not belong here')
  expect(complaint('params.a = $x')).toContain('needs quotes')
  expect(complaint('params.a = "x')).toContain('never closed')
  expect(complaint('metrics.a <')).toContain('the filter ends here where a value should be')
  expect(complaint('metrics.a')).toContain('the filter ends where an operator should be')
  expect(complaint('')).toContain('the filter ends where a field should be')
  expect(complaint('(metrics.a < 1')).toContain('not closed here')
  expect(complaint('metrics.a < 1)')).toContain('no open parenthesis')
  expect(complaint('metrics. < 1')).toContain('needs a name')
  expect(complaint('metrics.a;drop < 1')).toContain('needs back-quotes')
  expect(complaint('0.3 > metrics.a')).toContain('a run has no field "0.3"')
  expect(complaint('"x" = tags.a')).toContain('The field comes first')
  expect(complaint('created in (2026-01-01)')).toContain('a time is in no list')
  expect(complaint('min(params.a) < 1')).toContain('takes a metric')
  expect(complaint('metrics.a = 1e999')).toContain('larger than any number')
  expect(complaint('metrics.a like "x"')).toContain('looks into texts')
  expect(complaint('tags.a in ()')).toContain('where a value should be')
})

test('a filter is refused that is too long, too deep or has too many parts', () => {
  expect(() => parseFilter(`tags.a = "${'x'.repeat(FILTER_LIMITS.text)}"`)).toThrow('longer than')
  const deep = (levels: number) => `${'('.repeat(levels)}trial = 1${')'.repeat(levels)}`
  expect(parseFilter(deep(FILTER_LIMITS.depth))).toMatchObject({ kind: 'compare' })
  expect(() => parseFilter(deep(FILTER_LIMITS.depth + 1))).toThrow('nested deeper')
  expect(() => parseFilter(`${'not '.repeat(10_000)}trial = 1`)).toThrow('nested deeper')
  const wide = (terms: number) => Array(terms).fill('trial = 1').join(' or ')
  expect(parseFilter(wide(FILTER_LIMITS.terms))).toMatchObject({ kind: 'or' })
  expect(() => parseFilter(wide(FILTER_LIMITS.terms + 1))).toThrow('more than')
  const listed = (count: number) => `trial in (${Array(count).fill(1).join(',')})`
  expect(parseFilter(listed(FILTER_LIMITS.values))).toMatchObject({ kind: 'in' })
  expect(() => parseFilter(listed(FILTER_LIMITS.values + 1))).toThrow('more than')
  expect(() => parseFilter(`metrics.${'n'.repeat(10_000)} < 1`)).toThrow('longer than any name')
})

test('a field stands alone as a column or an order', () => {
  expect(parseField(' max(metrics.`a b`) ')).toEqual(metric('a b', 'max'))
  expect(parseField('created')).toEqual(attribute('created'))
  expect(() => parseField('created desc')).toThrow('does not belong here')
  expect(() => parseField('')).toThrow('where a field should be')
})

test('an order has fields and directions', () => {
  const order = parseOrder('metrics.`a,b` DESC, created,min(metrics.x) asc')
  expect(order).toEqual([
    { field: metric('a,b'), descending: true },
    { field: attribute('created'), descending: false },
    { field: metric('x', 'min'), descending: false },
  ])
  expect(parseOrder(printOrder(order))).toEqual(order)
  expect(() => parseOrder('created descending')).toThrow('does not belong here')
  expect(() => parseOrder('created,')).toThrow('where a field should be')
  expect(() => parseOrder('id, id, id, id')).toThrow('more than 3 parts')
})

test('columns are fields, or all of a kind', () => {
  expect(parseColumns('metrics.*, params.lr,max(metrics.a), tags.`*`')).toEqual([
    { kind: 'all', of: 'metric' },
    param('lr'),
    metric('a', 'max'),
    tag('*'),
  ])
  expect(() => parseColumns('metrics.* params.*')).toThrow('does not belong here')
  expect(() => parseColumns('loss.*')).toThrow('a run has no field')
  expect(() => parseColumns(Array(201).fill('id').join())).toThrow('more than 200 columns')
})

const names = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }),
  fc.constantFrom('a', 'val_loss', 'a.b', 'a.', '.', '-', 'and', '`', '"', 'train/loss', 'x y', '0', 'ö'),
)
const fields: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('metric'), name: names, summary: fc.constantFrom(...METRIC_SUMMARIES) }),
  fc.record({ kind: fc.constantFrom('param', 'tag'), name: names }),
  fc.record({
    kind: fc.constant('attribute'),
    name: fc.constantFrom(...(Object.keys(ATTRIBUTES) as AttributeName[])),
  }),
) as fc.Arbitrary<Field>
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('true', '1', 'nan', '-7d', "'", '"'),
)
const numbers = fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)

function scalarsOf(field: Field): fc.Arbitrary<Scalar> {
  const type = typeOf(field)
  if (type === 'metric') return fc.oneof(numbers, fc.constantFrom(Number.NaN, Infinity, -Infinity))
  if (type === 'number') return numbers
  if (type === 'duration') return fc.integer({ min: 0, max: 1e12 })
  if (type === 'status') return fc.constantFrom(...RUN_STATUSES)
  return type === 'param' ? fc.oneof(numbers, texts, fc.boolean()) : texts
}

const terms: fc.Arbitrary<Filter> = fields.chain((field): fc.Arbitrary<Filter> => {
  const presence = fc.record({ kind: fc.constantFrom('exists', 'missing'), field: fc.constant(field) })
  const type = typeOf(field)
  if (type === 'time') {
    const moments = fc.oneof(
      fc.record({ kind: fc.constant('at'), ms: fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }) }),
      fc.record({ kind: fc.constant('ago'), ms: fc.integer({ min: 0, max: 1e12 }) }),
    )
    const operator = fc.constantFrom(...COMPARISONS)
    const time = fc.record({
      kind: fc.constant('time'),
      field: fc.constant(field as TimeField),
      operator,
      value: moments,
    })
    return fc.oneof(presence, time) as fc.Arbitrary<Filter>
  }
  const compare = scalarsOf(field).chain((value) =>
    fc.record({
      kind: fc.constant('compare'),
      field: fc.constant(field),
      operator: typeof value === 'number' ? fc.constantFrom(...COMPARISONS) : fc.constantFrom('=', '!='),
      value: fc.constant(value),
    }),
  )
  const list = fc.record({
    kind: fc.constant('in'),
    field: fc.constant(field),
    negated: fc.boolean(),
    values: fc.array(scalarsOf(field), { minLength: 1, maxLength: 4 }),
  })
  const text = fc.record({
    kind: fc.constant('text'),
    field: fc.constant(field),
    operator: fc.constantFrom(...TEXT_OPERATORS),
    negated: fc.boolean(),
    pattern: texts,
  })
  const isText = type === 'text' || type === 'tag' || type === 'param'
  return fc.oneof(presence, compare, list, ...(isText ? [text] : [])) as fc.Arbitrary<Filter>
})

const filters = fc.letrec<{ filter: Filter; joined: Filter; negated: Filter }>((tie) => ({
  filter: fc.oneof({ maxDepth: 4, withCrossShrink: true }, terms, tie('joined'), tie('negated')),
  joined: fc.record({
    kind: fc.constantFrom('and', 'or'),
    parts: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
  }) as fc.Arbitrary<Filter>,
  negated: fc.record({ kind: fc.constant('not'), part: tie('filter') }) as fc.Arbitrary<Filter>,
})).filter

test('what is printed reads back as the same filter', () => {
  fc.assert(
    fc.property(filters, (filter) => {
      expect(parseFilter(printFilter(filter))).toEqual(filter)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fields, (field) => {
      expect(parseField(printField(field))).toEqual(field)
    }),
  )
})

test('whatever is written, it is read or refused with a place in it', () => {
  const pieces = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom(
      ...['metrics.', 'params.', 'tags.a', 'status', 'created', 'duration', 'trial', 'and', 'or', 'not', 'in', 'like'],
      ...['is', 'null', 'exists', '(', ')', ',', '=', '!=', '<', '!', '"', "'", '`', 'min', '-7d', '1e3', 'nan', '\n'],
    ),
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), fc.constantFrom('', ' '), (parts, between) => {
      const source = parts.join(between)
      try {
        const filter = parseFilter(source)
        expect(parseFilter(printFilter(filter))).toEqual(filter)
      } catch (error) {
        if (!(error instanceof SweepError)) throw error
        expect(error.code).toBe('invalid-request')
        const [diagnostic] = diagnosticsOf(error)
        const line = source.split('\n')[diagnostic!.line! - 1]!
        expect(diagnostic!.column!).toBeGreaterThanOrEqual(1)
        expect(diagnostic!.column!).toBeLessThanOrEqual(line.length + 1)
        expect(formatDiagnostic(diagnostic!, { source })).toContain('^')
      }
    }),
    { numRuns: 5000 },
  )
})
