import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { SweepError } from '@sweep/spec/errors'
import type { RunPoint } from '@sweep/spec/wire/tracking/metrics'
import type { RegisterModel } from '@sweep/spec/wire/tracking/models'
import type { ChangeRun, ChangeTags, CreateRun, EndRun, LogParams } from '@sweep/spec/wire/tracking/runs'
import { z } from 'zod'
import type { Models } from '../models.ts'
import type { Tracking } from '../tracking.ts'
import type { Say } from './say.ts'
import type { Spool } from './spool.ts'

const BATCH_VALUES = 5000
const BATCH_BYTES = 1_048_576

const Operation = z.object({ op: z.string(), body: z.record(z.string(), z.unknown()) })
const Point = z.object({
  op: z.literal('point'),
  point: z.object({ values: z.record(z.string(), z.unknown()) }).loose(),
})
const FileBody = z.object({
  path: z.string(),
  type: z.string(),
  file: z.string().optional(),
  source: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  aliases: z.array(z.string()).optional(),
})
const SeqDetails = z.object({ seq: z.int() })
const NamesDetails = z.object({ names: z.array(z.string()).min(1) })

/** Where a spool is sent. */
export type SpoolTarget = Tracking & { readonly registerModel: Models['register'] }

/** The server will never take this run. */
export class Hopeless extends Error {}

/** Brings what is in one spool to the server, in the order of the journal. */
export class SpoolSender {
  readonly #spool: Spool
  readonly #tracking: SpoolTarget
  readonly #say: Say
  readonly #progressed: () => void
  /** Where each batch begins, for a server that has lost some. */
  #batches: { readonly seq: number; readonly begin: number }[] = []
  #isRecreated = false

  constructor(spool: Spool, tracking: SpoolTarget, say: Say, progressed: () => void = () => undefined) {
    this.#spool = spool
    this.#tracking = tracking
    this.#say = say
    this.#progressed = progressed
  }

  /**
   * Sends the next batch or operation; false when there is none.
   * @throws SweepError when it is to be tried again later; Hopeless
   */
  async sendNext(): Promise<boolean> {
    const { pending } = this.#spool.sent
    if (pending !== null) {
      await this.#sendBatch(pending.seq, pending.end)
      return true
    }
    for await (const { end, operation } of this.#spool.lines()) {
      if (Point.safeParse(operation).success) {
        const batchEnd = await this.#batchEnd()
        await this.#sendBatch(this.#spool.beginBatch(batchEnd), batchEnd)
      } else {
        await this.#sendOperation(operation)
        this.#spool.advance(end)
      }
      this.#progressed()
      return true
    }
    return false
  }

  async #batchEnd(): Promise<number> {
    const { offset } = this.#spool.sent
    let values = 0
    let reached = offset
    for await (const { end, operation } of this.#spool.lines()) {
      const point = Point.safeParse(operation)
      if (!point.success) break
      values += Object.keys(point.data.point.values).length
      if (reached > offset && (values > BATCH_VALUES || end - offset > BATCH_BYTES)) break
      reached = end
    }
    return reached
  }

  async #sendBatch(seq: number, end: number): Promise<void> {
    const { offset: begin } = this.#spool.sent
    const points: RunPoint[] = []
    for await (const { operation } of this.#spool.lines(end)) {
      const point = Point.safeParse(operation)
      // As the program wrote them; the server checks them.
      if (point.success) points.push(point.data.point as unknown as RunPoint)
    }
    try {
      const batch = { writer: { id: this.#spool.writer, seq }, points }
      const { dropped } = await this.#tracking.logMetrics(this.#spool.runId, batch)
      if (dropped > 0)
        this.#say('dropped', `the server left out ${dropped} values: the run has too many names of metrics.`)
    } catch (error) {
      if (this.#isGap(error, seq)) return
      await this.#refused({ op: 'points', points }, error)
      this.#spool.advance(end) // the number is free again
      return
    }
    this.#batches.push({ seq, begin })
    this.#spool.advance(end, seq)
  }

  /** The server has fewer batches than it has answered: it was set back to an earlier state. */
  #isGap(error: unknown, seq: number): boolean {
    if (!(error instanceof SweepError) || error.code !== 'conflict') return false
    const details = SeqDetails.safeParse(error.details)
    if (!details.success || details.data.seq >= seq - 1) return false
    const has = details.data.seq
    const { offset } = this.#spool.sent
    const known = this.#batches.findLast((batch) => batch.seq === has + 1 && batch.begin <= offset)
    if (known === undefined)
      this.#say('gap', `the server has lost metrics of run ${this.#spool.runId} that it had taken.`)
    this.#spool.advance(known?.begin ?? offset, has)
    this.#batches = this.#batches.filter((batch) => batch.seq <= has)
    return true
  }

  async #sendOperation(line: unknown): Promise<void> {
    const operation = Operation.safeParse(line)
    if (!operation.success) return
    const { op, body } = operation.data
    const id = this.#spool.runId
    try {
      // Bodies as they were logged; the server checks them.
      if (op === 'create') await this.#tracking.createRun(body as CreateRun)
      else if (op === 'change') await this.#tracking.changeRun(id, body as ChangeRun)
      else if (op === 'params') await this.#sendParams(body as unknown as LogParams)
      else if (op === 'tags') await this.#tracking.changeTags(id, body as ChangeTags)
      else if (op === 'file') await this.#sendFile(FileBody.parse(body))
      else if (op === 'model') await this.#sendModel(body as unknown as RegisterModel)
      else if (op === 'end') await this.#tracking.endRun(id, body as EndRun)
    } catch (error) {
      await this.#refused(operation.data, error)
    }
  }

  async #sendParams(body: LogParams): Promise<void> {
    try {
      await this.#tracking.logParams(this.#spool.runId, body)
    } catch (error) {
      const details = error instanceof SweepError ? NamesDetails.safeParse(error.details) : undefined
      if (!(error instanceof SweepError) || error.code !== 'conflict' || !details?.success) throw error
      this.#say('params', `${error.message}. Log it with overwrite: true to change it.`)
      const known = new Set(details.data.names)
      const left = Object.entries(body.params).filter(([name]) => !known.has(name))
      await this.#tracking.logParams(this.#spool.runId, { ...body, params: Object.fromEntries(left) })
    }
  }

  async #sendFile({ file, source = '', path, type, metadata, aliases }: z.infer<typeof FileBody>): Promise<void> {
    const from = file === undefined ? source : this.#spool.filePath(file)
    const sha256 = await hashOf(from).catch((error: Error) => {
      throw new SweepError('invalid-request', `${path} was not uploaded: ${error.message}`, { cause: error })
    })
    const id = this.#spool.runId
    const { version } = await this.#tracking.uploadArtifact(id, path, this.#watched(from), { sha256, type })
    if (metadata !== undefined || (aliases !== undefined && aliases.length > 0)) {
      const change = { ...(metadata && { metadata }), ...(aliases && { aliases }) } as Parameters<
        Tracking['changeArtifact']
      >[2]
      await this.#tracking.changeArtifact(id, path, change, String(version))
    }
    if (file !== undefined) this.#spool.dropFile(file)
  }

  async #sendModel(body: RegisterModel): Promise<void> {
    const id = this.#spool.runId
    try {
      await this.#tracking.registerModel(id, body)
    } catch (error) {
      if (!(error instanceof SweepError) || error.code !== 'not-found') throw error
      // Refused too when it is the run that is not there.
      await this.#tracking.getRun(id)
      this.#spool.reject({ op: 'model', body }, error.message)
      this.#say(`model ${body.name}`, `${body.path} was not registered as ${body.name}: ${error.message}`)
    }
  }

  async *#watched(path: string): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path)) {
      this.#progressed()
      yield chunk as Buffer
    }
  }

  /** Decides what a refusal means: try again (it throws), begin anew (it throws too), or leave this one out. */
  async #refused(operation: { readonly op: string; readonly [key: string]: unknown }, error: unknown): Promise<void> {
    if (!(error instanceof SweepError)) throw error
    const { runId } = this.#spool
    if (error.code === 'unauthenticated' || error.code === 'forbidden') {
      this.#say('token', `the server does not let this program in: ${error.message}`)
    }
    if (isLater(error)) throw error
    if (error.code === 'not-found') await this.#beginAnew(error)
    if (operation.op === 'create') throw new Hopeless(error.message)
    this.#spool.reject(operation, error.message)
    this.#say(`refused ${error.code}`, `run ${runId}: ${error.message}. It was left out.`)
  }

  /** The server does not know the run: another writer is about to make it, or the server has lost it. */
  async #beginAnew(error: SweepError): Promise<never> {
    const { creation } = this.#spool
    const later = (message: string) => new SweepError('unavailable', message, { cause: error })
    if (creation === undefined || this.#isRecreated) throw later(error.message)
    this.#isRecreated = true
    await this.#tracking.createRun(creation as CreateRun)
    this.#spool.advance(0, 0)
    this.#batches = []
    throw later('the run was made again')
  }
}

/** Whether the same request may be taken later. */
export function isLater(error: SweepError): boolean {
  return (
    error.retryable ||
    ['unauthenticated', 'forbidden', 'misdirected', 'too-many-requests', 'storage-full', 'internal'].includes(
      error.code,
    )
  )
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
