import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { compressionAlgorithms, Metadata, status } from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { AttemptId } from '@sweep/spec/ids'
import fc from 'fast-check'
import { protoPath as healthProto } from 'grpc-health-check'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptTokens } from '../auth/attempt-tokens.ts'
import { startApi } from '../start-api.ts'
import {
  claimAndReport,
  createTestSweep,
  SETTINGS,
  type TestApi,
  TestController,
  testApi,
  until,
} from '../testing/test-api.ts'
import { allOf, failureOf, type Message, plain, struct, TestGrpc } from '../testing/test-grpc.ts'
import { TRACKING_SERVICE } from './load-proto.ts'

let api: TestApi
let grpc: TestGrpc
beforeAll(async () => {
  api = await testApi({ grpcPort: 0 })
  grpc = new TestGrpc(api)
})
afterAll(async () => {
  grpc.close()
  await api.close()
})

const newRun = async (fields: Message = {}) =>
  String((await grpc.ask('CreateRun', { experiment: 'server', ...fields }))['id'])
const clients: TestGrpc[] = []
afterAll(() => {
  for (const client of clients) client.close()
})
function clientOf(token: string | null, options = {}, of = api): TestGrpc {
  const client = new TestGrpc(of, token, options)
  clients.push(client)
  return client
}

/** A method of a service that others have defined. */
function methodOf(file: string, service: string, method: string) {
  const definition = loadSync(file, { enums: String, longs: Number, defaults: true, oneofs: true })
  const { path, requestSerialize, responseDeserialize } = (definition[service] as ServiceDefinition)[method]!
  return [
    path,
    requestSerialize as (message: Message) => Buffer,
    responseDeserialize as (bytes: Buffer) => Message,
  ] as const
}

describe('tokens', () => {
  test('are asked for, and roles are those of HTTP', async () => {
    const runId = await newRun()
    const nobody = clientOf(null)
    const wrong = clientOf('swp_user_this-is-no-token-of-ours')
    for (const client of [nobody, wrong]) {
      for (const [name, request] of [
        ['GetRun', { runId }],
        ['ListProjects', {}],
        ['CreateProject', { name: 'x' }],
      ] as const) {
        const { error, details } = await failureOf(client.ask(name, request))
        expect([name, error.code]).toEqual([name, status.UNAUTHENTICATED])
        expect(details['ErrorInfo']).toMatchObject({ reason: 'UNAUTHENTICATED', metadata: { code: 'unauthenticated' } })
        expect(error.details).toContain('SWEEP_TOKEN')
      }
      for (const call of [
        client.read('ReadMetrics', { runId, follow: true }),
        client.read('DownloadArtifact', { runId, path: 'x' }),
      ]) {
        expect((await failureOf(allOf(call))).error.code).toBe(status.UNAUTHENTICATED)
      }
      const { call, reply } = client.send('UploadArtifact')
      call.write({ header: { runId, path: 'x' } })
      call.end()
      expect((await failureOf(reply)).error.code).toBe(status.UNAUTHENTICATED)
      const stream = client.talk('LogMetricStream')
      const failed = failureOf(once(stream, 'end'))
      stream.write({ runId, points: [] })
      expect((await failed).error.code).toBe(status.UNAUTHENTICATED)
    }
    const viewer = clientOf(api.tokens.viewer)
    expect(await viewer.ask('GetRun', { runId })).toMatchObject({ id: runId })
    for (const [name, request] of [
      ['CreateProject', { name: 'x' }],
      ['LogMetrics', { runId, points: [{ values: { loss: 1 } }] }],
      ['DeleteRun', { runId }],
    ] as const) {
      expect((await failureOf(viewer.ask(name, request))).error.code).toBe(status.PERMISSION_DENIED)
    }
    expect((await failureOf(clientOf(api.tokens.join).ask('GetRun', { runId }))).error.code).toBe(
      status.PERMISSION_DENIED,
    )
  })

  test('a trial may log to its own run and to no other', async () => {
    const sweepId = await createTestSweep(api)
    await new TestController(api).issue(sweepId, 2)
    const tokens = await AttemptTokens.load(api.database, randomBytes)
    let token = ''
    let trial = 0
    await claimAndReport(api, 1, ({ attemptId, epoch, trial: number }) => {
      token = tokens.sign(AttemptId.parse(attemptId), epoch)
      trial = number
      return {}
    })
    const program = clientOf(token)
    const own = `${sweepId}-${trial}`
    const points = [{ step: 1, values: { 'my/loss': 1 } }]
    expect(await program.ask('LogMetrics', { runId: own, points })).toMatchObject({ taken: true })
    const child = await program.ask('CreateRun', { parentRunId: own })
    expect(await program.ask('LogMetrics', { runId: child['id'], points })).toMatchObject({ taken: true })
    const other = await newRun()
    for (const request of [
      { runId: other, points },
      { runId: `${sweepId}-${3 - trial}`, points },
    ]) {
      expect((await failureOf(program.ask('LogMetrics', request))).error.code).toBe(status.PERMISSION_DENIED)
    }
    expect((await failureOf(program.ask('SearchRuns'))).error.code).toBe(status.PERMISSION_DENIED)
  })

  test('who may read over HTTP without one from this machine may do so here, unless a proxy stands between', async () => {
    const open = await testApi({ grpcPort: 0, anonymousRead: 'loopback' })
    const client = clientOf(null, {}, open)
    try {
      expect(await client.ask('SearchRuns')).toEqual({ runs: [], hints: [] })
      expect((await failureOf(client.ask('CreateProject', { name: 'x' }))).error.code).toBe(status.UNAUTHENTICATED)
      const metadata = new Metadata()
      metadata.set('x-forwarded-for', '203.0.113.1')
      expect((await failureOf(client.ask('SearchRuns', {}, { metadata }))).error.code).toBe(status.UNAUTHENTICATED)
    } finally {
      await open.close()
    }
  })
})

describe('bad requests', () => {
  test('that are too large are refused by their size, compressed or not, and the connection goes on', async () => {
    const runId = await newRun()
    const small = await failureOf(grpc.ask('ChangeRun', { runId, notes: 'x'.repeat(1_100_000) }))
    expect(small.error.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(small.details['ErrorInfo']).toMatchObject({ reason: 'TOO_LARGE' })
    const zipping = clientOf(api.tokens.operator, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
    for (const client of [grpc, zipping]) {
      const request = { runId, notes: 'x'.repeat(5_000_000) }
      expect((await failureOf(client.ask('ChangeRun', request))).error.code).toBe(status.RESOURCE_EXHAUSTED)
      expect(await client.ask('GetRun', { runId })).toMatchObject({ id: runId, notes: '' })
    }
  })

  test('name the field that is wrong, and reach no other route by their ids', async () => {
    const { error, details } = await failureOf(grpc.ask('CreateRun', { id: 'no id', name: '' }))
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    expect(details['BadRequest']).toMatchObject({ fieldViolations: [{ field: 'id' }, { field: 'name' }] })
    expect(error.metadata.get('x-request-id')).toEqual([(details['RequestInfo'] as { requestId: string }).requestId])
    for (const runId of ['', '.', '..', '../projects', '%2e%2e', 'compare', 'a?b=c', 'x'.repeat(10_000)]) {
      const { code } = (await failureOf(grpc.ask('GetRun', { runId }))).error
      expect([status.INVALID_ARGUMENT, status.NOT_FOUND]).toContain(code)
    }
    expect((await failureOf(grpc.ask('GetMetricHistory', { runId: await newRun(), key: '..' }))).error.code).toBe(
      status.INVALID_ARGUMENT,
    )
  })

  test('nested deeper than messages can be, or with keys of a prototype, are refused, and what HTTP takes is shown', async () => {
    let deep: unknown = 'bottom'
    for (let level = 0; level < 45; level += 1) deep = [deep]
    const body = { experiment: 'deep', params: { deep } }
    const { id } = (await api.call('POST', '/runs', { token: api.tokens.operator, body })).body as Message
    // As far as messages go, and the rest as text.
    const filter = `id = "${id}"`
    for (const run of [
      await grpc.ask('GetRun', { runId: id }),
      ((await grpc.ask('SearchRuns', { filter }))['runs'] as Message[])[0],
    ]) {
      expect(
        JSON.parse(
          JSON.stringify(plain(run?.['params'])).replaceAll('"[', '[').replaceAll(']"', ']').replaceAll('\\', ''),
        ),
      ).toEqual({ deep })
    }
    for (let level = 0; level < 90; level += 1) deep = { a: deep }
    const { code } = (await failureOf(grpc.ask('CreateRun', { params: struct({ deep }) }))).error
    expect(code).toBe(status.INTERNAL)
    const polluting = { fields: Object.fromEntries([['__proto__', { structValue: struct({ admin: true }) }]]) }
    expect((await failureOf(grpc.ask('CreateRun', { params: polluting }))).error.code).toBe(status.INVALID_ARGUMENT)
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test('whose bytes are no message, and methods that are not there, end in a status', async () => {
    const raw = (path: string) =>
      new Promise((resolve, reject) => {
        const asIs = (bytes: Buffer) => bytes
        grpc.client.makeUnaryRequest(
          path,
          asIs,
          asIs,
          Buffer.from([0xff, 0xff, 0xff]),
          grpc.metadata(),
          (error, reply) => (error === null ? resolve(reply) : reject(error)),
        )
      })
    expect((await failureOf(raw(`/${TRACKING_SERVICE}/GetRun`))).error.code).toBe(status.INTERNAL)
    expect((await failureOf(raw(`/${TRACKING_SERVICE}/Nothing`))).error.code).toBe(status.UNIMPLEMENTED)
    expect(await grpc.ask('ListProjects')).toHaveProperty('projects')
  })

  // Which of the end and the cut is heard first differs from one to the next.
  test('uploads that are cut off in the middle store nothing', async () => {
    const runId = await newRun()
    for (let n = 0; n < 30; n += 1) {
      const { call, reply } = grpc.send('UploadArtifact')
      call.write({ header: { runId, path: `half-${n}` } })
      for (let chunk = 0; chunk < 20; chunk += 1) call.write({ chunk: randomBytes(65_536) })
      const failed = failureOf(reply)
      // So that the route has begun with it.
      await grpc.ask('ListArtifacts', { runId })
      call.cancel()
      expect((await failed).error.code).toBe(status.CANCELLED)
    }
    for (let n = 0; n < 20; n += 1) expect(await grpc.ask('ListArtifacts', { runId })).toEqual({ artifacts: [] })
  })

  test('a deadline that is over is answered as such', async () => {
    const { error } = await failureOf(grpc.ask('ListProjects', {}, { deadline: new Date(1) }))
    expect(error.code).toBe(status.DEADLINE_EXCEEDED)
  })
})

test('the same data is the same by HTTP and by gRPC', async () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\0'))
  const run = fc.record({
    name,
    notes: fc.string({ unit: 'grapheme', maxLength: 100 }),
    tags: fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 20 })),
    params: fc.dictionary(
      name.filter((text) => !text.includes('.') && !text.includes('__')),
      fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        fc.constant(null),
      ),
    ),
    values: fc.array(fc.double(), { minLength: 1, maxLength: 5 }),
    ms: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  })
  await fc.assert(
    fc.asyncProperty(run, fc.boolean(), async ({ values, ms, params, tags, ...texts }, isMadeByHttp) => {
      const startedAt = new Date(ms).toISOString()
      const made = isMadeByHttp
        ? await api.call('POST', '/runs', { token: api.tokens.operator, body: { ...texts, params, tags, startedAt } })
        : undefined
      if (made !== undefined) expect([made.status, made.status === 201 ? '' : made.text]).toEqual([201, ''])
      const seconds = Math.floor(ms / 1000)
      const time = { seconds, nanos: (ms - seconds * 1000) * 1e6 }
      const message = { ...texts, tags, params: struct(params), startedAt: time }
      const runId = String(((made?.body as Message) ?? (await grpc.ask('CreateRun', message)))['id'])
      await grpc.ask('LogMetrics', { runId, points: values.map((value, step) => ({ step, values: { loss: value } })) })

      const [byHttp, byGrpc] = [
        (await api.call('GET', `/runs/${runId}`, { token: api.tokens.viewer })).body as Message,
        await grpc.ask('GetRun', { runId }),
      ]
      expect(plain(byGrpc['params'])).toEqual(byHttp['params'])
      expect(byGrpc['tags']).toEqual(byHttp['tags'])
      expect([byGrpc['name'], byGrpc['notes']]).toEqual([byHttp['name'], byHttp['notes']])
      const started = byGrpc['startedAt'] as { seconds?: number; nanos?: number }
      expect((started.seconds ?? 0) * 1000 + (started.nanos ?? 0) / 1e6).toBe(Date.parse(String(byHttp['startedAt'])))
      const history = await grpc.ask('GetMetricHistory', { runId, key: 'loss' })
      const body = (await api.call('GET', `/runs/${runId}/metrics/loss`, { token: api.tokens.viewer })).body as Message
      expect((history['values'] as number[]).map((value) => value + 0)).toEqual(
        (body['values'] as unknown[]).map(Number),
      )
    }),
    { numRuns: 40 },
  )
})

describe('the services of every gRPC server', () => {
  test('health says that it serves, for the whole and for the service, to whoever asks', async () => {
    const client = clientOf(null).client
    const check = (service: string) =>
      new Promise<Message>((resolve, reject) => {
        const [path, serialize, deserialize] = methodOf(healthProto, 'grpc.health.v1.Health', 'Check')
        client.makeUnaryRequest(path, serialize, deserialize, { service }, (error, reply) =>
          error === null ? resolve(reply ?? {}) : reject(error),
        )
      })
    expect(await check('')).toEqual({ status: 'SERVING' })
    expect(await check(TRACKING_SERVICE)).toEqual({ status: 'SERVING' })
    expect((await failureOf(check('nothing'))).error.code).toBe(status.NOT_FOUND)
  })

  test('when the server stops, watchers hear of it, calls under way end well, and streams are told to come back', async () => {
    const own = await testApi({ grpcPort: 0 })
    const client = clientOf(own.tokens.operator, {}, own)
    const { id: runId } = await client.ask('CreateRun', {})
    await client.ask('LogMetrics', { runId, points: [{ values: { loss: 1 } }] })
    const [path, serialize, deserialize] = methodOf(healthProto, 'grpc.health.v1.Health', 'Watch')
    const watching = client.client.makeServerStreamRequest(path, serialize, deserialize, { service: '' })
    const seen: unknown[] = []
    watching.on('data', (message: Message) => seen.push(message['status']))
    watching.on('error', () => undefined)
    const following = client.read('ReadMetrics', { runId, follow: true })
    await once(following, 'data')
    await until(() => (seen.length === 1 ? true : undefined))
    const failed = failureOf(once(following, 'end'))
    const calls = Array.from({ length: 20 }, (_, n) =>
      client.ask('LogMetrics', { runId, writer: { id: `w${n}`, seq: 1 }, points: [{ values: { loss: 1 } }] }),
    )
    // Sent, and arrived: those asked for after it on the same connection are answered too.
    await calls[0]
    await own.close()
    expect(seen).toEqual(['SERVING', 'NOT_SERVING'])
    const { error, details } = await failed
    expect(error.code).toBe(status.UNAVAILABLE)
    expect(details['RetryInfo']).toMatchObject({ retryDelay: { seconds: expect.anything() } })
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'fulfilled', value: { taken: true } })
    }
  })

  test('a port in use is named, with what to do, and the HTTP port is free again', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const grpcPort = typeof address === 'object' && address !== null ? address.port : 0
    const clock = { now: () => performance.timeOrigin + performance.now() }
    const dependencies = {
      database: api.database,
      queue: api.queue,
      clock,
      randomBytes,
      log: pino({ level: 'silent' }),
    }
    await expect(startApi({ ...SETTINGS, grpcPort }, dependencies)).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(String(grpcPort)),
      hint: expect.stringContaining('SWEEP_GRPC_PORT'),
    })
    taken.close()
  })
})
