import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { sideMetrics } from '@sweep/spec/objectives'
import { isSweepOver } from '@sweep/spec/sweep-state'
import { formatDuration } from '@sweep/spec/units'
import type { SweepView } from '@sweep/spec/wire/api'
import type { Colors } from '../colors.ts'
import { healthMark, worstText } from '../health-text.ts'
import { configText, shortNumber, trialTotal, varyingConfig } from '../present.ts'
import { bestOfText } from '../sweep-record.ts'
import type { RegionLine } from '../terminal/live-region.ts'
import { sparkline } from '../terminal/sparkline.ts'
import { layoutTable } from '../terminal/table-layout.ts'
import { displayWidth, escapeText, truncateText } from '../terminal/terminal-text.ts'
import type { HealthTally } from './health-tally.ts'
import type { SweepTally, TrialTally } from './sweep-tally.ts'

export interface ScreenState {
  readonly sweep: SweepView
  readonly document: Pick<SweepDocument, 'space' | 'metric' | 'objectives' | 'constraints' | 'replicates'>
  readonly tally: SweepTally
  readonly health: HealthTally
  readonly url: string
  /** Set while the server does not answer. */
  readonly away: string | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

const BAR_WIDTH = 20

/** The live picture of a sweep: at most `rows` lines of at most `columns` columns, trials in the space that is left. */
export function watchScreen(state: ScreenState, size: { columns: number; rows: number }, colors: Colors): RegionLine[] {
  const { sweep, tally } = state
  const head: RegionLine[] = [{ text: titleText(state), paint: colors.bold }, { text: progressText(sweep) }]
  if (sweep.metric !== null) head.push({ text: bestText(state, size.columns), paint: colors.green })
  const tail: RegionLine[] = []
  const failures = failureText(tally)
  if (failures !== undefined) tail.push({ text: failures, paint: colors.red })
  const worst = worstText(state.health.open)
  if (worst !== undefined) tail.push({ text: escapeText(worst), paint: colors.yellow })
  if (state.away !== undefined) tail.push({ text: state.away, paint: colors.yellow })
  else if (sweep.reason !== null && sweep.trials.running === 0)
    tail.push({ text: escapeText(sweep.reason), paint: colors.dim })
  const room = size.rows - 1 - head.length - tail.length
  const table = room >= 4 ? tableLines(state, Math.min(room - 2, 20), size.columns, colors) : []
  const lines = table.length === 0 ? [...head, ...tail] : [...head, { text: '' }, ...table, ...tail]
  return lines.map((line) => ({ ...line, text: truncateText(line.text, size.columns) }))
}

function titleText({ sweep, url, now }: ScreenState): string {
  const end = sweep.endedAt === null ? now : Date.parse(sweep.endedAt)
  const elapsed = formatDuration(Math.max(0, Math.floor((end - Date.parse(sweep.createdAt)) / 1000) * 1000))
  const name = truncateText(escapeText(sweep.name), 30)
  const id = sweep.name === sweep.id ? '' : `  ${sweep.id}`
  return `${name}${id}  ${sweep.state} ${elapsed}${isSweepOver(sweep.state) ? '' : `  ${url}`}`
}

function progressText(sweep: SweepView): string {
  const { trials } = sweep
  const ended = trials.completed + trials.pruned + trials.failed + trials.cancelled
  const total = sweep.budget.trials
  const parts = [`${trials.completed} completed`, `${trials.pruned} pruned`, `${trials.running} running`]
  if (trials.queued > 0) parts.push(`${trials.queued} queued`)
  if (trials.paused > 0) parts.push(`${trials.paused} paused`)
  if (trials.failed > 0) parts.push(`${trials.failed} failed`)
  if (trials.cancelled > 0) parts.push(`${trials.cancelled} cancelled`)
  if (total === undefined) return `${trialTotal(trials)} trials: ${parts.join(', ')}`
  const filled = Math.round((BAR_WIDTH * Math.min(ended, total)) / total)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${ended}/${total}  ${parts.join(', ')}`
}

function bestText({ sweep, document, tally }: ScreenState, columns: number): string {
  const metric = escapeText(sweep.metric?.name ?? '')
  const isTallied = isBestTallied(sweep, document)
  const best =
    isTallied && tally.bestTrial !== undefined ? { trial: tally.bestTrial, value: tally.bestSoFar.at(-1) } : null
  const { value, ...of } = best ?? sweep.best ?? { value: undefined, trial: 0 }
  if (value === undefined) {
    const nothing = isTallied
      ? 'nothing reported'
      : sweep.constraints
        ? 'none keeps to the constraints'
        : 'no run has ended'
    return `best ${metric}: ${nothing} yet`
  }
  const front = sweep.objectives === undefined ? '' : `; Pareto front: ${tally.front().size} trials`
  const text = `best ${metric} ${shortNumber(value)} ${bestOfText(of)}${front}`
  const room = columns - displayWidth(text) - 2
  const isSteady = document.replicates === undefined && tally.bestSoFar.length > 2
  return isSteady && room >= 8 ? `${text}  ${sparkline(tally.bestSoFar, Math.min(room, 30))}` : text
}

/**
 * Of a trial that has come to break a constraint the tally still knows as the best, and it knows no means of configs; the
 * server does.
 */
function isBestTallied(sweep: SweepView, document: ScreenState['document']): boolean {
  return sweep.constraints === undefined && document.replicates === undefined
}

function failureText(tally: SweepTally): string | undefined {
  if (tally.failures.size === 0) return undefined
  const parts = [...tally.failures]
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([cause, { count, message, trial }]) => `${count} ${cause} (trial ${trial}: ${escapeText(message)})`)
  return `failures: ${parts.join('; ')}`
}

/** The running trials and the best ones, in one list, the best first. */
function tableLines(state: ScreenState, most: number, columns: number, colors: Colors): RegionLine[] {
  const ranked = state.tally.ranked()
  const shown = chooseRows(ranked, most)
  const front = state.tally.front()
  const titleOf = (name: string) => truncateText(escapeText(name).toUpperCase(), 16)
  const beside = sideMetrics(state.document)
  const marks = shown.map(({ number }) => healthMark(state.health.of(number)))
  const isMarked = marks.some((mark) => mark !== '')
  const lines = layoutTable(
    [
      { title: '#', align: 'right' },
      // Beside the number, where no narrow terminal takes it away.
      ...(isMarked ? [{ title: '' }] : []),
      { title: 'STATE' },
      { title: titleOf(state.sweep.metric?.name ?? 'value'), align: 'right' },
      ...beside.map(({ name }) => ({ title: titleOf(name), align: 'right' as const })),
      { title: 'STEP', align: 'right' },
      { title: 'CONFIG', flexible: true, minWidth: 12 },
    ],
    shown.map((trial, i) => [
      String(trial.number),
      ...(isMarked ? [marks[i] ?? ''] : []),
      trial.state,
      shortNumber(trial.value ?? null),
      ...beside.map(({ name }) => shortNumber(trial.sideValues.get(name) ?? null)),
      trial.step === undefined ? '-' : String(trial.step),
      escapeText(configText(varyingConfig(trial.config, state.document.space))),
    ]),
    columns,
  )
  return lines.map((text, i) => {
    const trial = shown[i - 1]
    const paint = trial === undefined ? colors.bold : painterOf(trial, isBest(trial, front, state), colors)
    return paint === undefined ? { text } : { text, paint }
  })
}

/** The best ones, but every running one too as long as there is room: they are what changes. */
function chooseRows(ranked: readonly TrialTally[], most: number): TrialTally[] {
  if (ranked.length <= most) return [...ranked]
  const running = ranked.filter((trial) => trial.state === 'running').slice(0, Math.max(1, Math.floor(most / 2)))
  const chosen = new Set(running)
  for (const trial of ranked) {
    if (chosen.size >= most) break
    chosen.add(trial)
  }
  return ranked.filter((trial) => chosen.has(trial))
}

function isBest({ number }: TrialTally, front: ReadonlySet<number>, { sweep, document, tally }: ScreenState): boolean {
  if (sweep.objectives !== undefined) return front.has(number)
  return number === (isBestTallied(sweep, document) ? tally.bestTrial : sweep.best?.trial)
}

function painterOf(trial: TrialTally, best: boolean, colors: Colors): ((text: string) => string) | undefined {
  if (best) return colors.green
  if (trial.state === 'failed') return colors.red
  if (trial.state === 'running') return colors.cyan
  return trial.state === 'completed' ? undefined : colors.dim
}
