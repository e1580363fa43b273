import type { Fact } from '@sweep/spec/facts'
import type { SweepId } from '@sweep/spec/ids'
import { isFinal, TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import type { Database } from '@sweep/store/database'
import { loadFacts } from '@sweep/store/facts'

/**
 * Recounts everything that the store keeps a count of, from the rows and from the facts, and returns what does not
 * agree: an empty list after every fault. Call it when nothing is being written, or expect what is in flight.
 */
export async function checkInvariants(database: Database): Promise<string[]> {
  const sweeps = await database.query<SweepCounts>(`select * from sweeps order by id`)
  const problems = await checkTables(database)
  for (const sweep of sweeps.rows) {
    const facts = await allFacts(database, sweep.id)
    const found = [
      ...(await checkCounters(database, sweep)),
      ...checkSequence(sweep, facts),
      ...checkFolded(sweep, facts),
      ...(await checkRowsAgainstFacts(database, sweep.id, facts)),
    ]
    problems.push(...found.map((problem) => `sweep ${sweep.id}: ${problem}`))
  }
  return problems
}

type SweepCounts = {
  readonly id: SweepId
  readonly parallelism: number | null
  readonly budget_trials: number | null
  readonly fact_seq: number
  readonly created_trials: number
  readonly outstanding: number
  readonly running: number
  readonly gpu_seconds: number
  readonly best_trial: number | null
  readonly best_loss: number | null
  readonly metric_name: string | null
} & { readonly [state in `trials_${TrialState}`]: number }

async function allFacts(database: Database, sweepId: SweepId): Promise<Fact[]> {
  const facts: Fact[] = []
  for (;;) {
    const page = await loadFacts(database, sweepId, facts.at(-1)?.seq ?? 0)
    facts.push(...page)
    if (page.length === 0) return facts
  }
}

/** What a single statement can tell of all sweeps. */
async function checkTables(database: Database): Promise<string[]> {
  const checks: Record<string, string> = {
    'two trials have one config and replicate': `
      select sweep_id || ' ' || hash as what from trials group by sweep_id, hash, replicate having count(*) > 1`,
    'more than one attempt of a trial completed it': `
      select sweep_id || '-' || trial as what from attempts where cause in ('succeeded', 'stopped', 'budget')
       group by sweep_id, trial having count(*) > 1`,
    'two attempts of a trial are live': `
      select sweep_id || '-' || trial as what from attempts where state <> 'ended'
       group by sweep_id, trial having count(*) > 1`,
    'trial and newest attempt disagree': `
      select t.sweep_id || '-' || t.number || ' is ' || t.state || ', attempt ' || coalesce(a.state, 'missing') as what
        from trials t left join attempts a on a.id = t.sweep_id || '-' || t.number || '-' || t.attempts
       where coalesce(a.state, 'missing') <>
         case when t.state in ('queued', 'running') then t.state else 'ended' end`,
    'attempts of a trial are not numbered 1, 2, 3, …': `
      select t.sweep_id || '-' || t.number as what from trials t
       where t.attempts <> (select count(*) from attempts a where a.sweep_id = t.sweep_id and a.trial = t.number)
          or t.attempts <> (select max(number) from attempts a where a.sweep_id = t.sweep_id and a.trial = t.number)`,
    'a running attempt has an epoch that is not its trial’s': `
      select a.id as what from attempts a join trials t on t.sweep_id = a.sweep_id and t.number = a.trial
       where a.state = 'running' and a.epoch <> t.epoch`,
    'a trial has no run': `
      select t.sweep_id || '-' || t.number as what from trials t
       where not exists (select from runs r where r.id = t.sweep_id || '-' || t.number)`,
    'more points of a run are summed up than it has': `
      select r.id as what from runs r
        join (select run_key, sum(points) as points from run_metrics group by run_key) m on m.run_key = r.key
        left join (select run_key, sum(points) as points from attempts group by run_key) a on a.run_key = r.key
        left join run_streams s on s.run_key = r.key
       where m.points > coalesce(a.points, 0) + coalesce(s.points, 0)`,
    'a sweep is over but an attempt of it is not': `
      select a.id as what from attempts a join sweeps s on s.id = a.sweep_id
       where s.ended_at is not null and a.state <> 'ended'`,
  }
  const problems: string[] = []
  for (const [problem, text] of Object.entries(checks)) {
    const { rows } = await database.query<{ what: string }>(text)
    problems.push(...rows.map((row) => `${problem}: ${row.what}`))
  }
  return problems
}

async function checkCounters(database: Database, sweep: SweepCounts): Promise<string[]> {
  const { rows } = await database.query<{ state: TrialState; count: number }>(
    'select state, count(*) as count from trials where sweep_id = $1 group by state',
    [sweep.id],
  )
  const attempts = await database.query<{ queued: number; running: number; gpu_seconds: number }>(
    `select count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'running') as running,
            coalesce(sum(gpu_seconds), 0) as gpu_seconds from attempts where sweep_id = $1`,
    [sweep.id],
  )
  const best = await database.query<{ number: number; loss: number }>(
    `select number, loss from trials where sweep_id = $1 and standing = 0 order by loss, number limit 1`,
    [sweep.id],
  )
  const counted = new Map(rows.map((row) => [row.state, row.count]))
  const live = attempts.rows[0] ?? { queued: 0, running: 0, gpu_seconds: 0 }
  const pairs: [string, unknown, unknown][] = TRIAL_STATES.map((state) => [
    `trials ${state}`,
    sweep[`trials_${state}`],
    counted.get(state) ?? 0,
  ])
  pairs.push(
    ['running', sweep.running, live.running],
    ['outstanding', sweep.outstanding, live.queued + live.running],
    ['created trials', sweep.created_trials, rows.reduce((sum, row) => sum + row.count, 0)],
    ['best loss', sweep.best_loss, best.rows[0]?.loss ?? null],
    // A tie may stand with whichever of them was there first.
  )
  const problems = pairs.flatMap(([what, kept, found]) =>
    kept === found ? [] : [`${what}: ${String(kept)} kept, ${String(found)} counted`],
  )
  if (Math.abs(sweep.gpu_seconds - live.gpu_seconds) > 1e-6 * Math.max(1, live.gpu_seconds)) {
    problems.push(`GPU-seconds: ${sweep.gpu_seconds} kept, ${live.gpu_seconds} counted`)
  }
  if (sweep.budget_trials !== null && sweep.created_trials > sweep.budget_trials) {
    problems.push(`${sweep.created_trials} trials, ${sweep.budget_trials} in the budget`)
  }
  return problems
}

function checkSequence(sweep: SweepCounts, facts: readonly Fact[]): string[] {
  const problems = facts.flatMap((fact, index) => (fact.seq === index + 1 ? [] : [`fact ${index + 1} is ${fact.seq}`]))
  if (facts.length !== sweep.fact_seq) problems.push(`${facts.length} facts, number ${sweep.fact_seq}`)
  const early = facts.find((fact, index) => index > 0 && fact.at < (facts[index - 1]?.at ?? fact.at))
  if (early !== undefined) problems.push(`fact ${early.seq} is older than the one before it`)
  return problems
}

/** Goes through the facts as a controller does, and checks the limits at every one of them. */
function checkFolded(sweep: SweepCounts, facts: readonly Fact[]): string[] {
  const problems: string[] = []
  const attempts = new Map<string, 'queued' | 'running' | 'ended'>()
  const trials = new Map<number, { ended: boolean; completed: number; reports: Map<number, number> }>()
  // Parallelism may have been changed; a change down lets running trials finish.
  let limit = Number.POSITIVE_INFINITY
  const changes = facts.flatMap((fact) => (fact.kind === 'control' && fact.action === 'change' ? [fact] : []))
  if (changes.length === 0) limit = sweep.parallelism ?? limit
  let running = 0
  const say = (fact: Fact, what: string) => problems.push(`fact ${fact.seq}: ${what}`)
  for (const fact of facts) {
    switch (fact.kind) {
      case 'trial-created':
        if (fact.trial !== trials.size + 1) say(fact, `trial ${fact.trial} after ${trials.size}`)
        trials.set(fact.trial, { ended: false, completed: 0, reports: new Map() })
        break
      case 'attempt-queued':
        if (attempts.has(`${fact.trial}-${fact.attempt}`)) say(fact, `attempt ${fact.attempt} queued twice`)
        attempts.set(`${fact.trial}-${fact.attempt}`, 'queued')
        break
      case 'attempt-started':
        if (attempts.get(`${fact.trial}-${fact.attempt}`) !== 'queued') say(fact, 'started but not queued')
        attempts.set(`${fact.trial}-${fact.attempt}`, 'running')
        running += 1
        if (running > limit) say(fact, `${running} running, parallelism ${limit}`)
        break
      case 'report': {
        const trial = trials.get(fact.trial)
        const before = trial?.reports.get(fact.attempt) ?? 0
        if (attempts.get(`${fact.trial}-${fact.attempt}`) !== 'running') say(fact, 'a report of what does not run')
        if (fact.ordinal !== before + 1) say(fact, `report ${fact.ordinal} after ${before}`)
        trial?.reports.set(fact.attempt, fact.ordinal)
        break
      }
      case 'attempt-ended': {
        const state = attempts.get(`${fact.trial}-${fact.attempt}`)
        if (state === undefined || state === 'ended') say(fact, `attempt ended from ${state ?? 'nowhere'}`)
        if (state === 'running') running -= 1
        attempts.set(`${fact.trial}-${fact.attempt}`, 'ended')
        break
      }
      case 'trial-ended': {
        const trial = trials.get(fact.trial)
        if (trial === undefined || trial.ended) say(fact, `trial ${fact.trial} ended twice, or never began`)
        else {
          trial.ended = true
          trial.completed += fact.state === 'completed' ? 1 : 0
          if (trial.completed > 1) say(fact, `trial ${fact.trial} completed twice`)
        }
        break
      }
      case 'trial-requeued': {
        const trial = trials.get(fact.trial)
        if (trial !== undefined) trial.ended = false
        break
      }
      default:
        break
    }
  }
  if (running !== sweep.running) problems.push(`${running} attempts run by the facts, ${sweep.running} by the row`)
  if (trials.size !== sweep.created_trials) problems.push(`${trials.size} trials by the facts`)
  return problems
}

async function checkRowsAgainstFacts(database: Database, sweepId: SweepId, facts: readonly Fact[]): Promise<string[]> {
  const { rows } = await database.query<{ number: number; state: TrialState; reports: number }>(
    'select number, state, reports from trials where sweep_id = $1 order by number',
    [sweepId],
  )
  const ended = new Map<number, string>()
  const reports = new Map<number, number>()
  for (const fact of facts) {
    if (fact.kind === 'trial-ended') ended.set(fact.trial, fact.state)
    if (fact.kind === 'trial-requeued') ended.delete(fact.trial)
    if (fact.kind === 'report') reports.set(fact.trial, (reports.get(fact.trial) ?? 0) + 1)
  }
  return rows.flatMap((row) => {
    const said = ended.get(row.number)
    const problems: string[] = []
    if ((isFinal(row.state) ? row.state : undefined) !== said) {
      problems.push(`trial ${row.number} is ${row.state} but its last fact says ${said ?? 'nothing of an end'}`)
    }
    const counted = reports.get(row.number) ?? 0
    if (row.reports !== counted) problems.push(`trial ${row.number}: ${row.reports} reports, ${counted} facts`)
    return problems
  })
}
