import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { AgentId, type AttemptId, SweepId } from '@sweep/spec/ids'
import { type AttemptReport, RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import { registerAgent } from '../agents.ts'
import { claimAttempt } from '../attempts.ts'
import type { Database } from '../database.ts'
import type { SweepRecord } from '../sweep-record.ts'
import { createSweep } from '../sweeps.ts'
import { createTrials } from '../trials.ts'

/** Things that tests of the store and of its users need again and again. Numbered, so that a test can be read. */

let count = 0

function nextId(): string {
  count += 1
  return count
    .toString(36)
    .replaceAll(/[iloau]/g, 'z')
    .padStart(10, '0')
}

export function sampleDocument(changes: Partial<SweepDocument> = {}): SweepDocument {
  return SweepDocument.parse({
    method: 'random',
    metric: { name: 'loss', goal: 'minimize' },
    space: { parameters: [{ type: 'float', name: 'x', path: ['x'], min: 0, max: 1 }] },
    command: ['true'],
    seed: 7,
    ...changes,
  })
}

export async function sampleSweep(database: Database, changes: Partial<SweepDocument> = {}): Promise<SweepRecord> {
  count += 1
  return createSweep(database, {
    id: SweepId.parse(String(count).padStart(10, '0')),
    name: `sweep ${count}`,
    document: sampleDocument(changes),
    source: 'method: random',
    file: 'sweep.yaml',
    workdir: '/somewhere',
  })
}

/** A sweep with an owner, whose epoch is the first. */
export async function ownedSweep(
  database: Database,
  changes: Partial<SweepDocument> = {},
): Promise<{ id: SweepId; ownerEpoch: number }> {
  const { id } = await sampleSweep(database, changes)
  // Not by acquireSweeps, which would take the sweeps of other tests of the file too.
  const { rows } = await database.query<{ owner_epoch: number }>(
    `update sweeps set owner = $2, owner_epoch = owner_epoch + 1, owner_until = now() + interval '1 hour'
      where id = $1 returning owner_epoch`,
    [id, `controller of ${id}`],
  )
  return { id, ownerEpoch: rows[0]?.owner_epoch ?? 0 }
}

export const SAMPLE_AGENT = {
  host: 'here',
  slots: [{ index: 0 }, { index: 1 }],
  cpus: 2,
  memoryBytes: 4e9,
  queues: ['default'],
  launchers: ['process'],
  version: '0.0.0',
}

export async function sampleAgent(database: Database, changes: Partial<RegisterAgent> = {}): Promise<AgentId> {
  const id = AgentId.parse(nextId())
  const agent = RegisterAgent.parse({ name: `agent-${id}`, ...SAMPLE_AGENT, ...changes })
  await registerAgent(database, id, agent)
  return id
}

/** Issues configs `{x: 1}`, `{x: 2}`, … (continuing after those there are) and returns the ids of their attempts. */
export async function issue(
  database: Database,
  sweep: { id: SweepId; ownerEpoch: number },
  values: readonly number[],
): Promise<AttemptId[]> {
  const { created } = await createTrials(database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 1,
    trials: values.map((x) => ({ config: { x }, source: 'sampler', reason: 'test' })),
  })
  return created.map((trial) => trial.attemptId)
}

/** Claims and returns the epoch. */
export async function claim(
  database: Database,
  attemptId: AttemptId,
  agentId: AgentId,
  leaseMs = 60_000,
): Promise<number> {
  const claimed = await claimAttempt(database, { attemptId, agentId, leaseMs })
  if (claimed.result !== 'claimed') throw new Error(`${attemptId} is ${claimed.result}`)
  return claimed.epoch
}

export function report(attemptId: AttemptId, epoch: number, rest: Partial<AttemptReport> = {}): AttemptReport {
  return { attemptId, epoch, batches: [], samples: [], ...rest }
}

/** A batch of metrics.jsonl: one line for each value, of ten bytes. */
export function lossBatch(from: number, values: readonly number[], name = 'loss'): AttemptReport['batches'][number] {
  const points = values.map((value, index) => ({
    step: from / 10 + index + 1,
    at: 1000 + index,
    values: { [name]: value },
  }))
  return { source: 'metrics', from, to: from + values.length * 10, points }
}

export function ending(
  cause: NonNullable<AttemptReport['ended']>['cause'],
  rest: Partial<NonNullable<AttemptReport['ended']>> = {},
): NonNullable<AttemptReport['ended']> {
  return { at: 2000, cause, message: '', exitCode: 0, signal: null, seconds: 1.5, ...rest }
}
