import { once } from 'node:events'
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimAndReport, createTestSweep, type TestApi, TestController, testApi, until } from '../testing/test-api.ts'
import { allOf, failureOf, type Message, TestGrpc } from '../testing/test-grpc.ts'

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

const newRun = async () => String((await grpc.ask('CreateRun', { experiment: 'streams' }))['id'])
const log = (runId: string, points: readonly object[]) => grpc.ask('LogMetrics', { runId, points })
const pointsAt = (steps: readonly number[], key = 'loss') =>
  steps.map((step) => ({ step, values: { [key]: step / 2 } }))

/** What a client has of each metric, that does as the proto file says. */
function collect(call: ClientReadableStream<Message>) {
  const have = new Map<string, { steps: number[]; values: number[] }>()
  const messages: Message[] = []
  let error: ServiceError | undefined
  let isOver = false
  call.on('data', (message: Message) => {
    messages.push(message)
    const key = String(message['key'])
    const known = have.get(key) ?? { steps: [], values: [] }
    const from = message['replacesFrom'] === undefined ? known.steps.length : Number(message['replacesFrom'])
    have.set(key, {
      steps: [...known.steps.slice(0, from), ...(message['steps'] as number[])],
      values: [...known.values.slice(0, from), ...(message['values'] as number[])],
    })
  })
  call.on('error', (thrown: ServiceError) => (error = thrown))
  call.on('end', () => (isOver = true))
  return {
    messages,
    steps: (key: string) => have.get(key)?.steps ?? [],
    values: (key: string) => have.get(key)?.values ?? [],
    error: () => error,
    isOver: () => isOver || undefined,
  }
}

describe('LogMetricStream', () => {
  test('answers every batch in its order once it is stored, of several runs', async () => {
    const [one, two] = [await newRun(), await newRun()]
    const call = grpc.talk('LogMetricStream')
    const replies: Message[] = []
    call.on('data', (reply: Message) => replies.push(reply))
    for (let seq = 1; seq <= 50; seq += 1) {
      const runId = seq % 2 === 0 ? one : two
      call.write({ runId, writer: { id: runId, seq: Math.ceil(seq / 2) }, points: pointsAt([seq]) })
    }
    call.end()
    await once(call, 'end')
    expect(replies.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, n) => Math.ceil((n + 1) / 2)))
    const history = await grpc.ask('GetMetricHistory', { runId: one, key: 'loss' })
    expect(history['steps']).toEqual(Array.from({ length: 25 }, (_, n) => 2 * n + 2))
  })

  test('ends with the first batch that is refused; those before it stay', async () => {
    const runId = await newRun()
    const call = grpc.talk('LogMetricStream')
    const replies: Message[] = []
    call.on('data', (reply: Message) => replies.push(reply))
    const failed = failureOf(once(call, 'end'))
    call.write({ runId, writer: { id: 'w', seq: 1 }, points: pointsAt([1]) })
    call.write({ runId, writer: { id: 'w', seq: 3 }, points: pointsAt([3]) })
    call.write({ runId, writer: { id: 'w', seq: 2 }, points: pointsAt([2]) })
    const { error, details } = await failed
    expect(error.code).toBe(status.FAILED_PRECONDITION)
    expect(details['ErrorInfo']).toMatchObject({ metadata: { seq: '1' } })
    expect(replies).toMatchObject([{ taken: true, seq: 1 }])
    expect(await grpc.ask('GetMetricHistory', { runId, key: 'loss' })).toMatchObject({ steps: [1] })
  })

  test('cancelled in the middle keeps what was answered, and the writer can go on', async () => {
    const runId = await newRun()
    const call = grpc.talk('LogMetricStream')
    call.write({ runId, writer: { id: 'w', seq: 1 }, points: pointsAt([1]) })
    await once(call, 'data')
    const failed = failureOf(once(call, 'end'))
    call.cancel()
    expect((await failed).error.code).toBe(status.CANCELLED)
    const again = { runId, writer: { id: 'w', seq: 1 }, points: pointsAt([1]) }
    expect(await grpc.ask('LogMetrics', again)).toMatchObject({ taken: false, seq: 1 })
    expect(await grpc.ask('LogMetrics', { ...again, writer: { id: 'w', seq: 2 } })).toMatchObject({
      taken: true,
      seq: 2,
    })
  })
})

describe('ReadMetrics', () => {
  test('sends every point there is, in messages of at most 4,096', async () => {
    const runId = await newRun()
    const steps = Array.from({ length: 9000 }, (_, step) => step)
    await log(runId, pointsAt(steps))
    await log(runId, [{ step: 1, values: { other: Number.NaN } }])
    const messages = await allOf(grpc.read('ReadMetrics', { runId }))
    const loss = messages.filter(({ key }) => key === 'loss')
    expect(loss.map((message) => (message['steps'] as number[]).length)).toEqual([4096, 4096, 808])
    expect(loss.flatMap((message) => message['steps'])).toEqual(steps)
    expect(loss.flatMap((message) => message['values'])).toEqual(steps.map((step) => step / 2))
    expect(messages.find(({ key }) => key === 'other')).toMatchObject({ values: [Number.NaN] })
    const some = await allOf(grpc.read('ReadMetrics', { runId, keys: ['loss'], fromStep: 8998 }))
    expect(some).toMatchObject([{ key: 'loss', steps: [8998, 8999] }])
  })

  test('refuses a run and a metric that are not there', async () => {
    const runId = await newRun()
    for (const request of [{ runId, keys: ['nothing'] }, { runId: '0123456789' }]) {
      expect((await failureOf(allOf(grpc.read('ReadMetrics', request)))).error.code).toBe(status.NOT_FOUND)
    }
    for (const request of [{}, { runId: '..' }, { runId: 'a/b' }]) {
      expect((await failureOf(allOf(grpc.read('ReadMetrics', request)))).error.code).toBe(status.INVALID_ARGUMENT)
    }
  })

  test('follows a run to its end: what is new, what comes late, and metrics that begin later', async () => {
    const runId = await newRun()
    await log(runId, pointsAt([1, 2, 5]))
    const call = grpc.read('ReadMetrics', { runId, follow: true })
    const seen = collect(call)
    await until(() => (seen.steps('loss').length === 3 ? true : undefined))
    await log(runId, [...pointsAt([6]), { step: 6, values: { 'eval/loss "🙂"': Number.NEGATIVE_INFINITY } }])
    await until(() => (seen.steps('loss').length === 4 && seen.steps('eval/loss "🙂"').length === 1 ? true : undefined))
    // An evaluation of an earlier step that has taken its time.
    await log(runId, pointsAt([3]))
    await until(() => (seen.steps('loss').length === 5 ? true : undefined))
    expect(seen.messages.at(-1)).toMatchObject({ steps: [3, 5, 6], replacesFrom: 2 })
    await log(runId, pointsAt([7]))
    await grpc.ask('EndRun', { runId })
    await until(seen.isOver)
    expect(seen.steps('loss')).toEqual([1, 2, 3, 5, 6, 7])
    expect(seen.values('eval/loss "🙂"')).toEqual([Number.NEGATIVE_INFINITY])
    expect(seen.error()).toBeUndefined()
  })

  test('follows a trial as its agent reports', async () => {
    const sweepId = await createTestSweep(api)
    const controller = new TestController(api)
    await controller.issue(sweepId, 1)
    const runId = `${sweepId}-1`
    const seen = collect(grpc.read('ReadMetrics', { runId, keys: ['loss'], follow: true }))
    await claimAndReport(api, 1, () => ({
      batches: [{ source: 'metrics', from: 0, to: 9, points: [{ step: 3, at: 1, values: { loss: 0.5 } }] }],
    }))
    await until(() => (seen.steps('loss').length === 1 ? true : undefined))
    expect([seen.steps('loss'), seen.values('loss')]).toEqual([[3], [0.5]])
  })

  test('cancelled in the middle it stops to ask the database', async () => {
    const runId = await newRun()
    await log(runId, pointsAt([1]))
    const call = grpc.read('ReadMetrics', { runId, follow: true })
    const seen = collect(call)
    await until(() => (seen.steps('loss').length === 1 ? true : undefined))
    call.cancel()
    await until(seen.error)
    expect(seen.error()?.code).toBe(status.CANCELLED)
    await log(runId, pointsAt([2]))
    await grpc.ask('EndRun', { runId })
    expect(seen.steps('loss')).toEqual([1])
  })

  test('ends at the deadline of the client', async () => {
    const runId = await newRun()
    await log(runId, pointsAt([1]))
    const deadline = new Date(performance.timeOrigin + performance.now() + 1000)
    const seen = collect(grpc.read('ReadMetrics', { runId, follow: true }, { deadline }))
    await until(seen.error)
    expect(seen.error()?.code).toBe(status.DEADLINE_EXCEEDED)
    expect(seen.steps('loss')).toEqual([1])
  })
})
