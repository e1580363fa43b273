import type { Client } from '@sweep/client/client'
import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import type { LeaderboardRow, SweepDetail } from '@sweep/spec/wire/api'
import type { CliContext } from './context.ts'
import { usageError } from './exit-codes.ts'
import { trialColumns } from './present.ts'

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
    ],
  })
  await context.printRows(rows, columns, (row) => `${row.id}`)
}
