import type { ServiceDefinition } from '@grpc/proto-loader'
import { FindingView } from '@sweep/spec/wire/health'
import * as artifacts from '@sweep/spec/wire/tracking/artifacts'
import * as compare from '@sweep/spec/wire/tracking/compare'
import * as experiments from '@sweep/spec/wire/tracking/experiments'
import * as metrics from '@sweep/spec/wire/tracking/metrics'
import * as projects from '@sweep/spec/wire/tracking/projects'
import * as runs from '@sweep/spec/wire/tracking/runs'
import * as search from '@sweep/spec/wire/tracking/search'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Descriptors } from './descriptors.ts'
import { fromStruct, fromTimestamp, toStruct, toTimestamp } from './json-values.ts'
import { loadTrackingProto, TRACKING_SERVICE } from './load-proto.ts'
import { camelCase, messageCodecs } from './message-codec.ts'
import { ROUTES } from './routes.ts'

const definition = loadTrackingProto()
const descriptors = new Descriptors(definition)
const codecOf = messageCodecs(descriptors)
const codec = (name: string) => codecOf(`sweep.tracking.v1.${name}`)

/** Names of the fields of an object, and the words of every enum in it by the name of the field. */
function shapeOf(schema: z.ZodType): { readonly names: string[]; readonly words: Record<string, string[]> } {
  const json = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input', reused: 'inline' })
  const properties = (json.properties ?? {}) as Record<string, Record<string, unknown>>
  const words = Object.entries(properties).flatMap(([name, property]) => {
    const options = [property, ...((property['anyOf'] ?? []) as Record<string, unknown>[])]
    const found = options.find((option) => Array.isArray(option['enum']) && option['type'] === 'string')
    const known = (found?.['enum'] ?? []) as string[]
    // How JSON spells values that are numbers in a message.
    return known.length === 0 || known.includes('NaN') ? [] : [[name, known] as const]
  })
  return { names: Object.keys(properties).sort(), words: Object.fromEntries(words) }
}

/** Words of the enums of a message, by the name of the field, as JSON has them. */
function enumsOf(name: string): Record<string, string[]> {
  const fullName = `sweep.tracking.v1.${name}`
  const found = descriptors.get(fullName)
  if (found.kind !== 'message') throw new Error(`${name} is no message`)
  return Object.fromEntries(
    found.message.field.flatMap((field) => {
      if (field.type !== 'TYPE_ENUM') return []
      const type = descriptors.find(field.typeName, fullName)
      if (type.kind !== 'enum') throw new Error(`${field.typeName} is no enum`)
      const prefix = type.enum.name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()
      const words = type.enum.value.map((member) => member.name.slice(prefix.length + 1).toLowerCase())
      return [[camelCase(field.name), words.filter((word) => word !== 'unspecified')]]
    }),
  )
}

const Archive = projects.ProjectSettings.shape.archive.unwrap()
const SAME: readonly (readonly [string, z.ZodType])[] = [
  ['Project', projects.ProjectView],
  ['ProjectSettings', projects.ProjectSettings],
  ['ProjectSettings.Archive', Archive],
  ['ProjectSettings.ExperimentDefaults', projects.ProjectSettings.shape.experiment.unwrap()],
  ['ProjectSettings.MetricDisplay', projects.ProjectSettings.shape.metrics.unwrap().valueType],
  ['CreateProjectRequest', projects.CreateProject],
  ['Experiment', experiments.ExperimentView],
  ['CreateExperimentRequest', experiments.CreateExperiment],
  ['ExperimentSummary', compare.ExperimentSummary],
  ['ExperimentSummary.Improvement', compare.ExperimentSummary.shape.improvement.unwrap()],
  ['ExperimentSummary.Comparison', compare.ExperimentSummary.shape.improvement.unwrap().shape.comparison.unwrap()],
  ['Run', runs.RunDetail.extend({ metrics: runs.RunRow.shape.metrics })],
  ['RunSource', runs.RunSource],
  ['RunResources', runs.RunResources],
  ['TrialOfRun', runs.RunView.shape.trial.unwrap()],
  ['MetricValues', runs.MetricValues],
  ['CreateRunRequest', runs.CreateRun],
  ['LogParamsResponse', runs.ParamsLogged],
  ['ChangeTagsResponse', runs.TagsView],
  ['SearchRunsResponse', runs.RunList],
  ['RunComparison', compare.RunComparison],
  ['RunAggregate', compare.RunAggregate],
  ['RunHealth.Finding', FindingView],
  ['RunPoint', metrics.RunPoint],
  ['Writer', metrics.MetricsBatch.shape.writer.unwrap()],
  ['LogMetricsResponse', metrics.BatchTaken],
  ['ListMetricsResponse', metrics.MetricSummaries],
  ['MetricSummary', metrics.MetricSummary],
  ['MetricHistory', metrics.MetricHistory],
  ['Artifact', artifacts.RunArtifactView],
  ['ListArtifactsResponse', artifacts.RunArtifactList],
  ['Lineage', artifacts.Lineage],
]
/** Fields of a request beside those of the body: what is in the path, and what null does in JSON. */
const REQUESTS: readonly (readonly [string, z.ZodType, readonly string[]])[] = [
  ['ChangeProjectRequest', projects.ChangeProject, ['projectId', 'removeTags', 'clear']],
  ['ChangeExperimentRequest', experiments.ChangeExperiment, ['experimentId', 'removeTags', 'clear']],
  ['ChangeRunRequest', runs.ChangeRun, ['runId', 'clear']],
  ['EndRunRequest', runs.EndRun, ['runId']],
  ['LogParamsRequest', runs.LogParams, ['runId']],
  ['ChangeTagsRequest', runs.ChangeTags, ['runId']],
  ['LogMetricsRequest', metrics.MetricsBatch, ['runId']],
  ['NoteArtifactRequest', artifacts.NoteArtifact, ['runId']],
  ['ChangeArtifactRequest', artifacts.ChangeArtifact, ['runId', 'path', 'version']],
]

describe('the proto file says all that the HTTP API says', () => {
  test.each(SAME)('%s', (name, schema) => {
    const { names, words } = shapeOf(schema)
    expect([...codec(name).names].sort()).toEqual(names)
    const enums = enumsOf(name)
    for (const [field, known] of Object.entries(enums))
      expect([field, known]).toEqual([field, expect.arrayContaining(words[field] ?? [])])
    // Rules come with releases, so they are text.
    const isOpen = (field: string) => name === 'RunHealth.Finding' && field === 'rule'
    expect(Object.keys(words).filter((field) => !isOpen(field))).toEqual(
      Object.keys(words).filter((field) => field in enums),
    )
  })

  test.each(REQUESTS)('%s', (name, schema, beside) => {
    expect([...codec(name).names].sort()).toEqual([...shapeOf(schema).names, ...beside].sort())
  })

  test('SearchRunsRequest, by the names of the route', () => {
    const renamed = ROUTES['SearchRuns']?.renamed ?? {}
    const names = codec('SearchRunsRequest').names.map((name) => renamed[name] ?? name)
    expect(names.sort()).toEqual(shapeOf(search.SearchRuns).names)
  })

  test('and every method of it is a route or a stream', () => {
    const service = definition[TRACKING_SERVICE] as ServiceDefinition
    for (const [name, { requestStream, responseStream }] of Object.entries(service)) {
      expect([name, name in ROUTES]).toEqual([name, !requestStream && !responseStream])
    }
    expect(Object.keys(ROUTES).filter((name) => !(name in service))).toEqual([])
  })
})

test('whatever JSON is, it is the same after it has been a Struct', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (json) => {
      const text = JSON.stringify(fromStruct(toStruct(json as Parameters<typeof toStruct>[0])))
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(json)))
    }),
  )
})

test('times are the same after they have been Timestamps, before 1970 too', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      const timestamp = toTimestamp(date.toISOString())
      expect(timestamp.nanos).toBeGreaterThanOrEqual(0)
      expect(fromTimestamp(timestamp)).toBe(date.toISOString())
    }),
  )
})

test('a number that an enum has no name for, and a time out of all bounds, are named', () => {
  const { fromMessage } = codec('EndRunRequest')
  expect(() => fromMessage({ run_id: 'x', status: 17 })).toThrow('status: RunStatus has no 17')
  expect(() => fromMessage({ ended_at: { seconds: 1e15 } })).toThrow('endedAt: is no time')
  expect(fromMessage({ status: 'RUN_STATUS_UNSPECIFIED' })).toEqual({})
  expect(fromMessage({ status: 'RUN_STATUS_FAILED' })).toEqual({ status: 'failed' })
})

test('keys that reach a prototype are keys like others', () => {
  const message = { run_id: 'x', set: Object.fromEntries([['__proto__', 'a']]) }
  const json = codec('ChangeTagsRequest').fromMessage(message)
  expect(Object.keys(json['set'] as object)).toEqual(['__proto__'])
  expect(({} as Record<string, unknown>)['a']).toBeUndefined()
})
