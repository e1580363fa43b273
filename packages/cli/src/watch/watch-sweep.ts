import type { Client } from '@sweep/client/client'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { formatDuration } from '@sweep/spec/units'
import type { SweepDetail, SweepEventData, SweepView } from '@sweep/spec/wire/api'
import type { FindingView } from '@sweep/spec/wire/health'
import { createColors } from '../colors.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { jsonText } from '../output.ts'
import { LiveRegion, terminalSize } from '../terminal/live-region.ts'
import { escapeText } from '../terminal/terminal-text.ts'
import { HealthTally } from './health-tally.ts'
import { type Happening, SweepTally } from './sweep-tally.ts'
import { watchScreen } from './watch-screen.ts'

const DRAW_MS = 250
/** How long a server may be away before watching gives up; a restart takes seconds. */
const PATIENCE_MS = 120_000
const LONGEST_RETRY_MS = 1000

export interface WatchResult {
  /** The sweep as it was last seen. */
  readonly sweep: SweepDetail
  /** True when Ctrl-C ended the watching, not the sweep. */
  readonly isDetached: boolean
}

/**
 * Shows a sweep until it has ended: a table redrawn in place on a terminal, one line an event elsewhere. Outlives a
 * server that is killed and started again, also at another port.
 *
 * @throws SweepError `unreachable` when the server stays away
 */
export async function watchSweep(context: CliContext, sweepId: string): Promise<WatchResult> {
  const signal = context.process.interrupted()
  const first = await (await context.client()).getSweep(sweepId)
  const viewer = context.isInteractive ? new TableViewer(context, first) : new LineViewer(context, first)
  const drawing = viewer.run(signal)
  try {
    await followSweep(context, sweepId, signal, viewer)
  } catch (error) {
    viewer.finish()
    await drawing
    if (!signal.aborted) throw error
    context.say(
      `\nStopped watching; the sweep goes on.\n  watch it again  sweep watch ${sweepId}\n  end it          sweep stop ${sweepId}`,
    )
    return { sweep: first, isDetached: true }
  }
  const sweep = await (await context.client()).getSweep(sweepId)
  viewer.sweep = sweep
  viewer.finish()
  await drawing
  return { sweep, isDetached: false }
}

/** 0, or 5 when the sweep ended and no trial has a value. */
export function endExitCode(sweep: SweepView): number {
  const isGood = sweep.metric === null ? sweep.trials.completed > 0 : sweep.best !== null
  return isGood ? EXIT.ok : EXIT.noGoodTrial
}

/** What somebody who follows a sweep is told. */
export interface Follower {
  readonly lastSeq: number
  onEvent(event: SweepEventData): void
  /** The server does not answer since so many ms; undefined when it is back. */
  onAway(awayMs: number | undefined): void
}

/** Feeds the facts of a sweep to `follower`, from the first on, until the sweep has ended. */
export async function followSweep(
  context: CliContext,
  sweepId: string,
  signal: AbortSignal,
  follower: Follower,
): Promise<void> {
  let awaySince: number | undefined
  let retryMs = 50
  for (;;) {
    try {
      const client: Client = await context.client()
      for await (const event of client.watchSweep(sweepId, { after: follower.lastSeq, signal, patienceMs: 0 })) {
        if (awaySince !== undefined) follower.onAway(undefined)
        awaySince = undefined
        retryMs = 50
        follower.onEvent(event)
        if (hasEnded(event)) return
      }
    } catch (error) {
      if (signal.aborted || !isAway(error)) throw error
      awaySince ??= context.process.now()
      const awayMs = context.process.now() - awaySince
      if (awayMs > PATIENCE_MS) throw error
      follower.onAway(awayMs)
    }
    await context.process.sleep(retryMs, signal)
    signal.throwIfAborted()
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
  }
}

/** By the last fact alone: the state of a sweep may tell of its end before the facts that led there have come. */
function hasEnded(event: SweepEventData): boolean {
  if (event.type === 'sweep') return false
  const { body } = event.fact
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'sweep-ended'
}

function isAway(error: unknown): boolean {
  return !(error instanceof SweepError) || error.retryable
}

abstract class Viewer implements Follower {
  protected readonly context: CliContext
  protected readonly tally: SweepTally
  protected readonly health = new HealthTally()
  protected away: string | undefined
  protected isDone = false
  sweep: SweepView

  constructor(context: CliContext, sweep: SweepDetail) {
    this.context = context
    this.sweep = sweep
    this.tally = new SweepTally(sweep.document)
  }

  get lastSeq(): number {
    return this.tally.lastSeq
  }

  onEvent(event: SweepEventData): void {
    if (event.type === 'sweep') {
      this.sweep = event.sweep
      this.onFindings(this.health.take(event.findings ?? []))
      return
    }
    const happening = this.tally.add(event.fact)
    this.onFact(event.fact, happening)
  }

  onAway(awayMs: number | undefined): void {
    this.away =
      awayMs === undefined
        ? undefined
        : `the server does not answer; trying again (${formatDuration(Math.floor(awayMs / 1000) * 1000)})`
  }

  /** Draws until `finish` is called. */
  abstract run(signal: AbortSignal): Promise<void>
  protected abstract onFact(fact: unknown, happening: Happening | undefined): void
  /** What the health rules have found that was not there before. */
  protected abstract onFindings(findings: readonly FindingView[]): void

  finish(): void {
    this.isDone = true
  }
}

class TableViewer extends Viewer {
  readonly #region: LiveRegion
  readonly #document: SweepDocument
  readonly #wake = new AbortController()

  constructor(context: CliContext, sweep: SweepDetail) {
    super(context, sweep)
    this.#region = new LiveRegion(context.process.stdout)
    this.#document = sweep.document
  }

  protected override onFact(): void {}

  protected override onFindings(): void {}

  override async run(signal: AbortSignal): Promise<void> {
    const wake = AbortSignal.any([signal, this.#wake.signal])
    while (!this.isDone && !signal.aborted) {
      this.#draw()
      await this.context.process.sleep(DRAW_MS, wake)
    }
    this.#draw()
    this.#region.close()
  }

  override finish(): void {
    super.finish()
    this.#wake.abort()
  }

  #draw(): void {
    const { sweep, tally, health, away, context } = this
    const state = {
      sweep,
      tally,
      health,
      away,
      document: this.#document,
      url: context.address ?? '',
      now: context.process.now(),
    }
    this.#region.draw(watchScreen(state, terminalSize(context.process.stdout), context.colors))
  }
}

class LineViewer extends Viewer {
  #isAway = false

  override async run(): Promise<void> {}

  protected override onFact(fact: unknown, happening: Happening | undefined): void {
    const { context } = this
    if (context.isMachineReadable) {
      context.write(`${jsonText(fact)}\n`)
      return
    }
    if (happening !== undefined) this.#tell(happening)
  }

  protected override onFindings(findings: readonly FindingView[]): void {
    // For programs every line is a fact.
    if (this.context.isMachineReadable) return
    for (const { trial, rule, message } of findings)
      this.#tell({ text: `trial ${trial}: ${rule}: ${message}`, tone: 'bad' })
  }

  #tell({ text, tone }: Happening): void {
    const { context } = this
    const colors = createColors(context.settings.color, context.process.stdout.isTTY === true)
    const paint = tone === 'good' ? colors.green : tone === 'bad' ? colors.red : (plain: string) => plain
    context.write(`${paint(escapeText(text))}\n`)
  }

  override onAway(awayMs: number | undefined): void {
    super.onAway(awayMs)
    const isAway = awayMs !== undefined
    if (isAway === this.#isAway) return
    this.#isAway = isAway
    this.context.say(isAway ? 'The server does not answer; trying again …' : 'The server answers again.')
  }
}
