import type { EarlyTerminate } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody, Verdict } from '@sweep/spec/facts'
import type { SweepFold } from '../fold.ts'
import { BY_PRUNER, type Decision, isResume, type ResumeDecision } from '../pruner.ts'
import {
  attemptEnded,
  hasReportsLeft,
  isBefore,
  newPlayer,
  nextStop,
  type PlayedTrial,
  type Player,
  playedTrial,
  type Stop,
  startAfterPause,
  stopAsked,
} from './player.ts'
import { isStopByPruner, type Recording, type Tape, triggerKey } from './recording.ts'
import { Retelling } from './retelling.ts'
import { Schedule } from './schedule.ts'

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
  readonly #facts: Retelling
  readonly #players = new Map<number, Player>()
  readonly #schedule = new Schedule()
  /** Those that wait for room, the first one first. */
  readonly #queue: Player[] = []
  /** Decisions that were looked at. */
  readonly #known = new Set<string>()
  #running = 0
  #noMoreTold = false

  constructor(recording: Recording, earlyTerminate: EarlyTerminate | undefined, onFact: (fact: Fact) => void) {
    this.#recording = recording
    this.#facts = new Retelling(recording.document, earlyTerminate, onFact, () => this.#decide())
    for (const tape of recording.tapes.values()) {
      const player = newPlayer(tape)
      this.#players.set(tape.trial, player)
      this.#schedule.plan(player)
    }
    for (const event of recording.others) this.#schedule.add(event)
  }

  run(): Playback {
    do {
      for (let taken = this.#schedule.take(); taken !== undefined; taken = this.#schedule.take()) {
        const { time, next } = taken
        this.#facts.now = Math.max(this.#facts.now, time)
        if ('tape' in next) this.#play(next, time)
        else {
          if (next.fact.kind === 'no-more-trials') this.#noMoreTold = true
          this.#facts.tellRecorded(next.fact, next.fact.seq)
        }
        this.#fill()
      }
    } while (this.#goOnWithoutMore())
    for (const player of this.#players.values()) this.#close(player)
    return { fold: this.#facts.fold, trials: [...this.#players.values()].map(playedTrial) }
  }

  #play(player: Player, time: number): void {
    const { stop, tape } = player
    const event = tape.events[player.next]
    const isStop =
      stop !== undefined &&
      (event === undefined || isBefore(nextStop(stop), [event.time + player.shift, event.fact.seq]))
    if (isStop) this.#carryOut(player, stop)
    else if (event !== undefined) {
      player.next += 1
      this.#playFact(player, event, time)
    }
    this.#schedule.plan(player)
  }

  #playFact(player: Player, { fact, time: recordedAt }: Tape['events'][number], time: number): void {
    const { attempt, tape } = player
    switch (fact.kind) {
      case 'attempt-queued':
        player.attempt += 1
        player.paused = 'no'
        player.isFollowing = false
        player.recorded = undefined
        this.#facts.tellRecorded({ ...fact, attempt: player.attempt }, fact.seq)
        return
      case 'attempt-started':
        if (this.#running >= this.#recording.slots) {
          player.mode = 'queued'
          player.next -= 1
          this.#queue.push(player)
          return
        }
        player.shift += this.#facts.now - time
        player.recorded = tape.attempts.get(fact.attempt)
        player.from = recordedAt
        this.#setRunning(player, true)
        this.#facts.tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'report':
        player.reports += 1
        player.last = { step: fact.step, value: fact.value }
        this.#facts.tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'side-report':
        this.#facts.tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'stop-asked':
        if (isStopByPruner(fact)) {
          if (player.sameStop === undefined) return
          player.stopped = fact.stop === 'pruned' ? fact.verdict : undefined
        }
        this.#facts.tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'attempt-ended':
        this.#endRecorded(player, recordedAt, { ...fact, attempt }, fact.seq)
        return
      case 'trial-resumed':
        this.#facts.tellRecorded({ ...fact, attempt }, fact.seq)
        return
      case 'trial-ended':
        player.mode = 'over'
        this.#facts.tellRecorded(fact, fact.seq)
        return
      default:
        this.#facts.tellRecorded(fact, fact.seq)
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
    this.#facts.tellRecorded(fact, seq)
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
    this.#facts.tell(attemptEnded(player, 'pruned'))
    this.#facts.tell({
      kind: 'trial-ended',
      trial,
      state: 'pruned',
      value: null,
      reason: 'what follows is not recorded',
    })
  }

  #decide(): void {
    const { pruner } = this.#facts.fold
    for (const decision of pruner?.decide() ?? []) {
      const player = this.#players.get(decision.trial)
      if (player === undefined || player.attempt !== decision.attempt) continue
      const known = `${decision.kind} ${decision.trial} ${decision.attempt}`
      if (this.#known.has(known)) continue
      this.#known.add(known)
      const { kind, trial } = decision
      const recordedAt = this.#recording.triggers.get(triggerKey(kind, trial, player.recorded?.number ?? 0))
      const isSame = recordedAt !== undefined && recordedAt === this.#facts.recordedSeq
      if (player.isRunning && kind !== 'resume') this.#decideRunning(player, decision, isSame)
      else if (player.paused === 'recorded' && isSame) {
        player.isFollowing = true
        player.sameStop = kind === 'prune' ? decision : undefined
        player.mode = 'playing'
        this.#schedule.plan(player)
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
      askAt: this.#facts.now + askedAfterMs,
      endAt: this.#facts.now + endedAfterMs,
      order: this.#facts.lastRecorded + 0.5 + decision.trial * 1e-7,
      isAsked: false,
    }
    this.#schedule.plan(player)
  }

  #carryOut(player: Player, stop: Stop): void {
    if (!stop.isAsked) {
      this.#ask(player, stop)
      return
    }
    const at = this.#facts.now - player.shift
    this.#stopRunning(player, at)
    this.#endByStop(player, stop, at)
  }

  #ask(player: Player, stop: Stop): void {
    stop.isAsked = true
    this.#facts.tell(stopAsked(player, stop.kind, stop.verdict))
  }

  #endByStop(player: Player, stop: Stop, at: number): void {
    if (!stop.isAsked) this.#ask(player, stop)
    player.stop = undefined
    const isPause = stop.kind === 'pause'
    player.paused = isPause ? 'elsewhere' : 'no'
    player.from = at
    player.mode = isPause ? 'held' : 'over'
    if (!isPause) player.stopped = stop.verdict
    this.#facts.tell(attemptEnded(player, isPause ? 'paused' : 'pruned'))
    if (!isPause) this.#facts.tellPruned(player.tape.trial, stop.verdict.reason)
  }

  #prunePaused(player: Player, verdict: Verdict): void {
    player.mode = 'over'
    player.paused = 'no'
    player.stopped = verdict
    this.#schedule.plan(player)
    this.#facts.tell(stopAsked(player, 'prune', verdict))
    this.#facts.tellPruned(player.tape.trial, verdict.reason)
  }

  /** Gives room to paused trials first, as the planner does, then to those that wait for it. */
  #fill(): void {
    while (this.#running < this.#recording.slots) {
      const offer = this.#facts.fold.pruner?.decide().find((one): one is ResumeDecision => this.#isOpenOffer(one))
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
      this.#schedule.plan(waiting)
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
    const basis = this.#facts.fold.foldedSeq
    player.paused = 'no'
    player.mode = 'playing'
    this.#facts.tell({
      kind: 'trial-resumed',
      trial: tape.trial,
      attempt: player.attempt,
      basis,
      by: BY_PRUNER,
      verdict,
    })
    player.attempt += 1
    if (start !== undefined) {
      const { fact, time } = tape.events[start]!
      player.next = start + 1
      player.from = time
      player.recorded = fact.kind === 'attempt-started' ? tape.attempts.get(fact.attempt) : undefined
    }
    player.shift = this.#facts.now - player.from
    this.#setRunning(player, true)
    const { trial } = tape
    const { attempt, recorded } = player
    this.#facts.tell({ kind: 'attempt-queued', trial, attempt, reason: verdict.reason })
    const gpus = recorded?.gpus ?? 0
    this.#facts.tell({ kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'recorded', gpus })
    if (start === undefined && isAtCut) {
      this.#stopRunning(player, player.from)
      this.#endUnknown(player)
    }
    this.#schedule.plan(player)
  }

  /** Once nothing else is left to come: paused trials go on or are given up. True when something goes on. */
  #goOnWithoutMore(): boolean {
    const isPaused = [...this.#players.values()].some((player) => player.paused !== 'no' && player.mode === 'held')
    if (!isPaused) return false
    if (!this.#noMoreTold) {
      this.#noMoreTold = true
      this.#facts.tell({
        kind: 'no-more-trials',
        reason: 'the record has no more trials',
        basis: this.#facts.fold.foldedSeq,
      })
      this.#fill()
      return true
    }
    for (const player of this.#players.values()) {
      if (player.paused === 'no' || player.mode !== 'held') continue
      player.mode = 'over'
      player.stopped = { reason: 'left paused' }
      this.#facts.tellPruned(player.tape.trial, 'left paused')
    }
    return true
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
