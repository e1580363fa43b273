import type { Queryable } from '../database.ts'
import { type Chunk, chunksOf, insertChunks } from '../metrics.ts'
import type { Column } from '../points-codec.ts'
import { mergeSummaries, Summaries } from '../tracking/metric-summary.ts'

/** Points of one metric that are packed and stored together. */
const CHUNK_POINTS = 1000
/** Stored in one statement. */
const CHUNKS_AT_ONCE = 100

interface Open {
  readonly column: Column
  /** Points of it that are chunks by now. */
  stored: number
}

/** Takes the points of one run in the order they came, and stores them as if they had been logged to it and packed. */
export class PointsImport {
  readonly #tx: Queryable
  readonly #runKey: number
  readonly #attemptKey: number
  readonly #open = new Map<number, Open>()
  readonly #summaries = new Summaries()
  #chunks: Chunk[] = []
  #points = 0
  #lastStep = Number.NEGATIVE_INFINITY

  private constructor(tx: Queryable, runKey: number, attemptKey: number) {
    this.#tx = tx
    this.#runKey = runKey
    this.#attemptKey = attemptKey
  }

  static async begin(tx: Queryable, runKey: number): Promise<PointsImport> {
    const { rows } = await tx.query<{ key: number }>({
      name: 'import-stream-key',
      text: `select nextval(pg_get_serial_sequence('attempts', 'key'))::int8 as key`,
    })
    return new PointsImport(tx, runKey, rows[0]?.key ?? 0)
  }

  /** Names of metrics so far. */
  get names(): number {
    return this.#open.size
  }

  async add(nameId: number, step: number, at: number, value: number): Promise<void> {
    const open = this.#open.get(nameId) ?? { column: { steps: [], times: [], values: [] }, stored: 0 }
    this.#open.set(nameId, open)
    open.column.steps.push(step)
    open.column.times.push(at)
    open.column.values.push(value)
    this.#points += 1
    this.#lastStep = Math.max(this.#lastStep, step)
    if (open.column.values.length >= CHUNK_POINTS) await this.#pack(nameId, open)
  }

  /** @param thinnedSteps by the id of the metric's name */
  async finish(thinnedSteps: ReadonlyMap<number, number>): Promise<void> {
    for (const [nameId, open] of this.#open) await this.#pack(nameId, open)
    await this.#store()
    await this.#tx.query(
      {
        name: 'import-stream',
        text: `insert into run_streams (run_key, attempt_key, points, last_step, name_ids) values ($1, $2, $3, $4, $5)`,
      },
      [this.#runKey, this.#attemptKey, this.#points, this.#lastStep, [...this.#open.keys()]],
    )
    const part = { runKey: this.#runKey, attemptKey: this.#attemptKey, summaries: this.#summaries }
    await mergeSummaries(this.#tx, [part])
    if (thinnedSteps.size === 0) return
    await this.#tx.query(
      `update run_metrics m set thinned_steps = x.steps from unnest($2::int[], $3::int8[]) as x (name_id, steps)
        where m.run_key = $1 and m.name_id = x.name_id`,
      [this.#runKey, [...thinnedSteps.keys()], [...thinnedSteps.values()]],
    )
  }

  async #pack(nameId: number, open: Open): Promise<void> {
    const { column } = open
    if (column.values.length === 0) return
    this.#summaries.addColumn(nameId, column)
    this.#chunks.push(...chunksOf(nameId, column, open.stored))
    open.stored += column.values.length
    for (const list of [column.steps, column.times, column.values]) list.length = 0
    if (this.#chunks.length >= CHUNKS_AT_ONCE) await this.#store()
  }

  async #store(): Promise<void> {
    await insertChunks(this.#tx, this.#attemptKey, this.#chunks)
    this.#chunks = []
  }
}
