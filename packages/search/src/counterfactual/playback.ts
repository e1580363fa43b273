import type { EarlyTerminate } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody, Verdict } from '@sweep/spec/facts'
import { createSweepFold, foldFact, type SweepFold } from '../fold.ts'
import { entries, insert, remove, type Tree } from '../persistent/tree.ts'
import { BY_PRUNER, type Decision, isResume, type ResumeDecision } from '../pruner.ts'
import {
  attemptEnded,
  hasReportsLeft,
  isBefore,
  newPlayer,
  type PlayedTrial,
  type Player,
  playedTrial,
  type Stop,
  startAfterPause,
  stopAsked,
} from './player.ts'
import { recordedSampler } from './recorded-sampler.ts'
import { isStopByPruner, type Recording, type Tape, triggerKey } from './recording.ts'

export interface Playback {
  readonly fold: SweepFold
  readonly trials: readonly PlayedTrial[]
}

/**
 * Plays a recorded sweep again under another pruner: the trials of the record, their curves at the times of the record, and
 * the decisions of the other pruner in place of those that were made.
 *
 * - A decision that falls at the very fact at which the sweep's own pruner came to the same one has the fate that the
 *   record says, so that its own pruner gives the record again. Any other takes as long as those of the record took at
 *   the median.
 * - A trial that the sweep had stopped and the other pruner would not ends where its curve does, and counts as unknown.
 * - One that the sweep had paused and taken up again goes on without the pause where the other pruner does not pause it.
 * - No trial starts earlier than in the record, and none while all slots are taken: room that is saved stays empty. A
 *   paused trial is taken up as soon as there is room, before new ones.
 *
 * @param onFact gets what would have been recorded
 */
export function playback(
  recording: Recording,
  earlyTerminate: EarlyTerminate | undefined,
  onFact: (fact: Fact) => void = () => undefined,
): Playback {
  return new Playthrough(recording, earlyTerminate, onFact).run()
}

class Playthrough {
  readonly #recording: Recording
  readonly #onFact: (fact: Fact) => void
  readonly #fold: SweepFold
  readonly #players = new Map<number, Player>()
  readonly #queue: Player[] = []
  readonly #known = new Set<string>()
  #schedule: Tree<Player | 'other'> = undefined
  #nextOther = 0
  #running = 0
  #seq = 0
  #now = Number.NEGATIVE_INFINITY
  /** The last fact of the record that was told. */
  #lastRecorded = 0
  #noMoreTold = false

  constructor(recording: Recording, earlyTerminate: EarlyTerminate | undefined, onFact: (fact: Fact) => void) {
    this.#onFact = onFact
    this.#recording = recording
    this.#fold = createSweepFold({ ...recording.document, earlyTerminate })
    this.#fold.sampler = recordedSampler
    for (const tape of recording.tapes.values()) {
      const player = newPlayer(tape)
      this.#players.set(tape.trial, player)
      this.#plan(player)
    }
    this.#planOther()
  }

  run(): Playback {
    do {
      for (;;) {
        const first = entries(this.#schedule)[Symbol.iterator]().next()
        if (first.done === true) break
        const { a, b, value } = first.value
        this.#schedule = remove(this.#schedule, a, b)
        this.#now = Math.max(this.#now, a)
        if (value === 'other') this.#playOther()
        else this.#play(value, a)
        this.#fill()
      }
    } while (this.#goOnWithoutMore())
    for (const player of this.#players.values()) this.#close(player)
    return { fold: this.#fold, trials: [...this.#players.values()].map(playedTrial) }
  }

  // ── what comes next ──

  #plan(player: Player): void {
    if (player.key !== undefined) this.#schedule = remove(this.#schedule, ...player.key)
    player.key = this.#nextKey(player)
    if (player.key !== undefined) this.#schedule = insert(this.#schedule, ...player.key, player)
  }

  #nextKey({ mode, stop, tape, next, shift }: Player): Player['key'] {
    if (mode !== 'playing') return undefined
    const event = tape.events[next]
    const played: Player['key'] = event && [event.time + shift, event.fact.seq]
    if (stop === undefined) return played
    const stopped = [stop.isAsked ? stop.endAt : stop.askAt, stop.order] as const
    return played === undefined || isBefore(stopped, played) ? stopped : played
  }

  #planOther(): void {
    const event = this.#recording.others[this.#nextOther]
    if (event !== undefined) this.#schedule = insert(this.#schedule, event.time, event.fact.seq, 'other')
  }

  #playOther(): void {
    const { fact } = this.#recording.others[this.#nextOther]!
    this.#nextOther += 1
    this.#planOther()
    if (fact.kind === 'no-more-trials') this.#noMoreTold = true
    this.#tellRecorded(fact, fact.seq)
  }

  #play(player: Player, time: number): void {
    player.key = undefined
    const { stop, tape } = player
    const event = tape.events[player.next]
    const isStop =
      stop !== undefined &&
      (event === undefined ||
        isBefore([stop.isAsked ? stop.endAt : stop.askAt, stop.order], [event.time + player.shift, event.fact.seq]))
    if (isStop) this.#carryOut(player, stop)
    else if (event !== undefined) {
      player.next += 1
      this.#playFact(player, event, time)
    }
    this.#plan(player)
  }

  // ── the tape of a trial ──

  #playFact(player: Player, { fact, time: recordedAt }: Tape['events'][number], time: number): void {
    const { attempt, tape } = player
    switch (fact.kind) {
      case 'attempt-queued':
        player.attempt += 1
        player.paused = 'no'
        player.isFollowing = false
        player.recorded = undefined
        this.#tellRecorded({ ...fact, attempt: player.attempt }, fact.seq)
        return
      case 'attempt-started':
        if (this.#running >= this.#recording.slots) {
          player.mode = 'queued'
          player.next -= 1
          this.#queue.push(player)
          return
        }
        player.shift += this.#now - time
        player.recorded = tape.attempts.get(fact.attempt)
        player.from = recordedAt
        this.#setRunning(player, true)
        this.#tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'report':
        player.reports += 1
        player.last = { step: fact.step, value: fact.value }
        this.#tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'side-report':
        this.#tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'stop-asked':
        if (isStopByPruner(fact)) {
          if (player.sameStop === undefined) return
          player.stopped = fact.stop === 'pruned' ? fact.verdict : undefined
        }
        this.#tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'attempt-ended':
        this.#endRecorded(player, recordedAt, { ...fact, attempt }, fact.seq)
        return
      case 'trial-resumed':
        this.#tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'trial-ended':
        player.mode = 'over'
        this.#tellRecorded(fact, fact.seq)
        return
      default:
        this.#tellRecorded(fact, fact.seq)
    }
  }

  #endRecorded(player: Player, at: number, fact: Extract<FactBody, { kind: 'attempt-ended' }>, seq: number): void {
    const { recorded, stop, sameStop } = player
    this.#stopRunning(player, at)
    const isCut = recorded?.isCut === true
    if (isCut && sameStop === undefined) {
      // A stop that falls a little after the curve ends is one all the same.
      if (stop === undefined) this.#goOnPastCut(player, at)
      else this.#endByStop(player, stop, at)
      return
    }
    player.stop = undefined
    player.sameStop = undefined
    if (isCut && fact.cause === 'paused') {
      // Before it is told: the pruner may decide about the pause at once.
      player.paused = 'recorded'
      player.from = at
      const after = player.tape.events[player.next]?.fact
      const isForPruner = after?.kind === 'trial-resumed' || (after !== undefined && isStopByPruner(after))
      // What others than the pruner do to a paused trial, they do at their time.
      player.mode = isForPruner ? 'held' : 'playing'
    }
    this.#tellRecorded(fact, seq)
  }

  /** The other pruner would not have stopped the trial here. */
  #goOnPastCut(player: Player, at: number): void {
    const { tape } = player
    const start = startAfterPause(player)
    if (start === undefined) {
      this.#endUnknown(player)
      return
    }
    const { fact, time } = tape.events[start]!
    player.next = start + 1
    player.shift -= time - at
    player.from = time
    player.recorded = fact.kind === 'attempt-started' ? tape.attempts.get(fact.attempt) : undefined
    this.#setRunning(player, true)
  }

  #endUnknown(player: Player): void {
    const { trial } = player.tape
    player.isUnknown = true
    player.mode = 'over'
    player.stop = undefined
    this.#tell(attemptEnded(player, 'pruned'))
    this.#tell({ kind: 'trial-ended', trial, state: 'pruned', value: null, reason: 'what follows is not recorded' })
  }

  // ── what the other pruner decides ──

  #decide(): void {
    const { pruner } = this.#fold
    for (const decision of pruner?.decide() ?? []) {
      const player = this.#players.get(decision.trial)
      if (player === undefined || player.attempt !== decision.attempt) continue
      const known = `${decision.kind} ${decision.trial} ${decision.attempt}`
      if (this.#known.has(known)) continue
      this.#known.add(known)
      const { kind, trial } = decision
      const recordedAt = this.#recording.triggers.get(triggerKey(kind, trial, player.recorded?.number ?? 0))
      const isSame = recordedAt !== undefined && recordedAt === this.#toldSeq
      if (player.isRunning && kind !== 'resume') this.#decideRunning(player, decision, isSame)
      else if (player.paused === 'recorded' && isSame) {
        player.isFollowing = true
        player.sameStop = kind === 'prune' ? decision : undefined
        player.mode = 'playing'
        this.#plan(player)
      } else if (player.paused !== 'no' && kind === 'prune') this.#prunePaused(player, decision.verdict)
    }
  }

  #decideRunning(player: Player, decision: Decision, isSame: boolean): void {
    if (player.stop !== undefined || player.sameStop !== undefined || decision.kind === 'resume') return
    if (isSame) {
      player.sameStop = decision
      return
    }
    // Nothing is gained by a stop of what has reported its last and ends by itself.
    const isDone = player.recorded?.isCut !== true && !hasReportsLeft(player)
    if (isDone) return
    const { askedAfterMs, endedAfterMs } = this.#recording
    player.stop = {
      kind: decision.kind,
      verdict: decision.verdict,
      askAt: this.#now + askedAfterMs,
      endAt: this.#now + endedAfterMs,
      order: this.#lastRecorded + 0.5 + decision.trial * 1e-7,
      isAsked: false,
    }
    this.#plan(player)
  }

  #carryOut(player: Player, stop: Stop): void {
    if (!stop.isAsked) {
      this.#ask(player, stop)
      return
    }
    const at = this.#now - player.shift
    this.#stopRunning(player, at)
    this.#endByStop(player, stop, at)
  }

  #ask(player: Player, stop: Stop): void {
    stop.isAsked = true
    this.#tell(stopAsked(player, stop.kind, stop.verdict))
  }

  #endByStop(player: Player, stop: Stop, at: number): void {
    if (!stop.isAsked) this.#ask(player, stop)
    player.stop = undefined
    const isPause = stop.kind === 'pause'
    player.paused = isPause ? 'elsewhere' : 'no'
    player.from = at
    player.mode = isPause ? 'held' : 'over'
    if (!isPause) player.stopped = stop.verdict
    this.#tell(attemptEnded(player, isPause ? 'paused' : 'pruned'))
    if (!isPause) this.#tellPruned(player, stop.verdict.reason)
  }

  #prunePaused(player: Player, verdict: Verdict): void {
    player.mode = 'over'
    player.paused = 'no'
    player.stopped = verdict
    this.#plan(player)
    this.#tell(stopAsked(player, 'prune', verdict))
    this.#tellPruned(player, verdict.reason)
  }

  /** Gives room to paused trials first, as the planner does, then to those that wait for it. */
  #fill(): void {
    while (this.#running < this.#recording.slots) {
      const offer = this.#fold.pruner?.decide().find((one): one is ResumeDecision => this.#isOpenOffer(one))
      if (offer !== undefined) {
        this.#resume(this.#players.get(offer.trial)!, offer)
        continue
      }
      const waiting = this.#queue.shift()
      if (waiting === undefined) return
      waiting.mode = 'playing'
      const event = waiting.tape.events[waiting.next]!
      waiting.next += 1
      this.#playFact(waiting, event, event.time + waiting.shift)
      this.#plan(waiting)
    }
  }

  #isOpenOffer(decision: Decision): boolean {
    if (!isResume(decision)) return false
    const player = this.#players.get(decision.trial)
    if (player === undefined || player.paused === 'no' || player.isFollowing) return false
    return player.mode !== 'over' && player.attempt === decision.attempt
  }

  #resume(player: Player, { verdict }: ResumeDecision): void {
    const { tape } = player
    // Whether the curve that is known goes on behind the pause, or behind one that the record has at the same place.
    const isAtCut = player.recorded?.isCut === true && player.from >= player.recorded.endedAt
    const start = isAtCut ? startAfterPause(player) : undefined
    const basis = this.#seq
    player.paused = 'no'
    player.mode = 'playing'
    this.#tell({ kind: 'trial-resumed', trial: tape.trial, attempt: player.attempt, basis, by: BY_PRUNER, verdict })
    player.attempt += 1
    if (start !== undefined) {
      const { fact, time } = tape.events[start]!
      player.next = start + 1
      player.from = time
      player.recorded = fact.kind === 'attempt-started' ? tape.attempts.get(fact.attempt) : undefined
    }
    player.shift = this.#now - player.from
    this.#setRunning(player, true)
    const { trial } = tape
    const { attempt, recorded } = player
    this.#tell({ kind: 'attempt-queued', trial, attempt, reason: verdict.reason })
    const gpus = recorded?.gpus ?? 0
    this.#tell({ kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'recorded', gpus })
    if (start === undefined && isAtCut) {
      this.#stopRunning(player, player.from)
      this.#endUnknown(player)
    }
    this.#plan(player)
  }

  /** Once nothing else is left to come: paused trials go on or are given up. True when something goes on. */
  #goOnWithoutMore(): boolean {
    if (this.#schedule !== undefined) return true
    const isPaused = [...this.#players.values()].some((player) => player.paused !== 'no' && player.mode === 'held')
    if (!isPaused) return false
    if (!this.#noMoreTold) {
      this.#noMoreTold = true
      this.#tell({ kind: 'no-more-trials', reason: 'the record has no more trials', basis: this.#seq })
      this.#fill()
      return true
    }
    for (const player of this.#players.values()) {
      if (player.paused === 'no' || player.mode !== 'held') continue
      player.mode = 'over'
      player.stopped = { reason: 'left paused' }
      this.#tellPruned(player, 'left paused')
    }
    return true
  }

  // ── facts ──

  /** The number of the fact of the record that is being told. */
  #toldSeq: number | undefined

  #tellRecorded(body: FactBody, seq: number): void {
    this.#lastRecorded = seq
    this.#toldSeq = seq
    this.#fact(body)
    this.#decide()
    this.#toldSeq = undefined
  }

  #tell(body: FactBody): void {
    const outer = this.#toldSeq
    this.#toldSeq = undefined
    this.#fact(body)
    this.#decide()
    this.#toldSeq = outer
  }

  #fact(body: FactBody): void {
    this.#seq += 1
    const fact: Fact = { ...body, seq: this.#seq, at: new Date(this.#now) }
    foldFact(this.#fold, fact)
    this.#onFact(fact)
  }

  #tellPruned({ tape: { trial } }: Player, reason: string): void {
    this.#tell({ kind: 'trial-ended', trial, state: 'pruned', value: null, reason })
  }

  #setRunning(player: Player, isRunning: boolean): void {
    if (player.isRunning !== isRunning) this.#running += isRunning ? 1 : -1
    player.isRunning = isRunning
  }

  #stopRunning(player: Player, at: number): void {
    if (player.isRunning && player.recorded !== undefined) {
      player.spans.push({ attempt: player.recorded, from: player.from, to: at })
    }
    this.#setRunning(player, false)
  }

  /** What still ran when the record ends. */
  #close(player: Player): void {
    if (player.isRunning) this.#stopRunning(player, player.recorded?.endedAt ?? player.from)
  }
}
