import type { Client } from '@sweep/client/client'
import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import type { LeaderboardRow, SweepDetail } from '@sweep/spec/wire/api'
import type { CliContext } from './context.ts'
import { usageError } from './exit-codes.ts'
import { worstText } from './health-text.ts'
import type { Column } from './output.ts'
import { intervalText, trialColumns } from './present.ts'

const PAGE = 500

export function readTrialStates(words: readonly string[]): TrialState[] {
  return words.map((word) => {
    const state = TRIAL_STATES.find((known) => known === word)
    if (state !== undefined) return state
    const hint = didYouMeanHint(word, TRIAL_STATES) ?? `States are ${TRIAL_STATES.join(', ')}.`
    throw usageError(`"${word}" is no state of a trial.`, hint)
  })
}

/** The best trials, over as many pages as it takes. */
export async function loadLeaderboard(
  client: Client,
  sweepId: string,
  limit: number,
  states: readonly TrialState[] = [],
): Promise<LeaderboardRow[]> {
  const rows: LeaderboardRow[] = []
  let after: string | undefined
  do {
    const page = await client.leaderboard(sweepId, { states, limit: Math.min(PAGE, limit - rows.length), after })
    rows.push(...page.rows)
    after = page.next ?? undefined
  } while (after !== undefined && rows.length < limit)
  return rows.slice(0, limit)
}

/** The trials of a sweep with several objectives that no other one beats; they are the first of its leaderboard. */
export async function loadFront(client: Client, sweepId: string): Promise<LeaderboardRow[]> {
  const front: LeaderboardRow[] = []
  let after: string | undefined
  do {
    const page = await client.leaderboard(sweepId, { limit: PAGE, after })
    front.push(...page.rows.filter((row) => row.front === true))
    after = page.rows.at(-1)?.front === true ? (page.next ?? undefined) : undefined
  } while (after !== undefined)
  return front
}

export async function printLeaderboard(
  context: CliContext,
  rows: readonly LeaderboardRow[],
  sweep: SweepDetail,
): Promise<void> {
  const splitConfig = context.process.stdout.isTTY !== true || context.flags.output === 'csv'
  const columns = trialColumns(rows, sweep, {
    splitConfig,
    first: [
      {
        name: 'rank',
        value: (row) => row.rank,
        show: (row) => (row.rank === null ? '-' : String(row.rank)),
        align: 'right',
      },
      ...(sweep.objectives === undefined
        ? []
        : [
            {
              name: 'front',
              value: (row: LeaderboardRow) => row.front,
              show: (row: LeaderboardRow) => (row.front ? '*' : ''),
            },
          ]),
    ],
    health: (row) => row.health,
  })
  if (rows.some(({ cost }) => cost !== undefined)) {
    columns.push({
      name: 'cost',
      value: ({ cost }) => cost?.amount,
      show: ({ cost }) => (cost === undefined ? '' : `${cost.amount.toFixed(2)} ${cost.currency}`),
      align: 'right',
    })
  }
  await context.printRows(rows, [...columns, ...confirmedColumns(rows)], (row) => `${row.id}`)
}

/** Says what is wrong with the trials of a sweep, if anything is, in a line under their leaderboard. */
export async function sayWorst(context: CliContext, client: Client, sweepId: string): Promise<void> {
  if (context.isMachineReadable) return
  const worst = worstText((await client.sweepHealth(sweepId)).findings)
  if (worst !== undefined) context.say(`${worst}\nAll of it: sweep health ${sweepId}`)
}

/** Where the best configs were run again: what that came to. */
function confirmedColumns(rows: readonly LeaderboardRow[]): Column<LeaderboardRow>[] {
  const metric = rows.find(({ confirmed }) => confirmed !== undefined)?.confirmed?.metric
  if (metric === undefined) return []
  return [
    {
      name: `again ${metric}`,
      value: ({ confirmed }) => confirmed?.mean,
      show: ({ confirmed }) => (confirmed === undefined ? '' : intervalText(confirmed)),
      align: 'right',
    },
    { name: 'group', value: ({ confirmed }) => confirmed?.group },
  ]
}
