import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fact } from '@sweep/spec/facts'
import type { Leaderboard, LeaderboardRow, SweepCreated, SweepDetail, TrialDetail } from '@sweep/spec/wire/api'
import { ROOT, type TestServer, waitFor } from './server.ts'

/** Creates a sweep from YAML; trials run in the folder of the fixtures unless told otherwise. */
export async function createSweep(
  server: TestServer,
  source: string,
  workdir = join(ROOT, 'test', 'fixtures'),
): Promise<string> {
  const reply = await server.call<SweepCreated>('POST', '/sweeps', { source, workdir })
  return reply.sweep.id
}

export function getSweep(server: TestServer, id: string): Promise<SweepDetail> {
  return server.call<SweepDetail>('GET', `/sweeps/${id}`)
}

export function getTrial(server: TestServer, id: string, number: number): Promise<TrialDetail> {
  return server.call<TrialDetail>('GET', `/sweeps/${id}/trials/${number}`)
}

/** Waits for the end of a sweep and returns it. Requests that fail while a server is down are tried again. */
export async function finished(server: TestServer, id: string, timeoutMs = 90_000): Promise<SweepDetail> {
  let sweep: SweepDetail | undefined
  await waitFor(async () => {
    sweep = await getSweep(server, id).catch(() => sweep)
    return sweep !== undefined && ['completed', 'stopped', 'cancelled'].includes(sweep.state)
  }, timeoutMs).catch((cause: Error) => {
    throw new Error(`${cause.message}\n${JSON.stringify(sweep)}\n${server.output.slice(-4000)}`)
  })
  return sweep as SweepDetail
}

/** Every row of the leaderboard, page by page. */
export async function allTrials(server: TestServer, id: string): Promise<LeaderboardRow[]> {
  const rows: LeaderboardRow[] = []
  for (let after = ''; ; ) {
    const page = await server.call<Leaderboard>(
      'GET',
      `/sweeps/${id}/leaderboard?limit=100${after && `&after=${after}`}`,
    )
    rows.push(...page.rows)
    if (!page.next) return rows
    after = encodeURIComponent(page.next)
  }
}

/** The facts of a sweep in order. */
export async function allFacts(server: TestServer, id: string): Promise<Fact[]> {
  const facts: Fact[] = []
  for (;;) {
    const after = facts.at(-1)?.seq ?? 0
    const page = await server.call<{ facts: { seq: number; at: string; body: object }[] }>(
      'GET',
      `/sweeps/${id}/facts?after=${after}&limit=1000`,
    )
    if (page.facts.length === 0) return facts
    facts.push(...page.facts.map(({ seq, at, body }) => ({ ...body, seq, at: new Date(at) }) as Fact))
  }
}

/** Processes that carry the tag of an attempt of this home, as `pid command`; zombies do not count. */
export async function trialProcesses(home: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (!environment.includes('SWEEP_ATTEMPT=') || !environment.includes(home)) continue
    found.push(`${pid} ${(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')}`)
  }
  return found
}
