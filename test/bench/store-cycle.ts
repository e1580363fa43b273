import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { AgentId, type AttemptId, SweepId } from '@sweep/spec/ids'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import { registerAgent } from '@sweep/store/agents'
import { claimAttempts } from '@sweep/store/attempts'
import { openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import { acquireSweeps } from '@sweep/store/ownership'
import { ingestReports } from '@sweep/store/reports'
import { createSweep } from '@sweep/store/sweeps'
import { createTrials } from '@sweep/store/trials'
import { type Check, figure } from './check.ts'

/**
 * What one client gets out of the store alone: trials a second through create, claim, report and end, with so many
 * trials in each call, and how the last tenth compares with the first.
 */
export async function storeCycleBench(
  databaseUrl: string,
  { trials, batches }: { readonly trials: number; readonly batches: readonly number[] },
): Promise<Check[]> {
  const database = openDatabase({ url: databaseUrl, applicationName: 'bench', max: 4 })
  try {
    await migrate(database)
    const agentId = AgentId.parse('benchagent'.replaceAll(/[ilou]/g, 'x'))
    await registerAgent(database, agentId, {
      name: 'bench',
      host: 'here',
      slots: [{ index: 0 }],
      cpus: 1,
      memoryBytes: 1e9,
      queues: ['default'],
      launchers: ['process'],
      labels: {},
      version: '0',
    })
    const figures: Check[] = []
    for (const [index, batch] of batches.entries()) {
      const sweepId = SweepId.parse(`bench${String(index).padStart(5, '0')}`)
      await createSweep(database, {
        id: sweepId,
        name: `batches of ${batch}`,
        document,
        source: '',
        file: 'bench.yaml',
        workdir: '/',
      })
      const owned = await acquireSweeps(database, 'bench', 3_600_000)
      const ownerEpoch = owned.find((sweep) => sweep.id === sweepId)?.ownerEpoch ?? 0
      // Milliseconds at which each tenth of the trials was through.
      const marks = [performance.now()]
      for (let done = 0; done < trials; done += batch) {
        await cycle(sweepId, ownerEpoch, done, Math.min(batch, trials - done))
        if (done + batch >= (marks.length * trials) / 10) marks.push(performance.now())
      }
      const between = (from: number, to: number) => ((marks[to] ?? 0) - (marks[from] ?? 0)) / 1000
      figures.push(figure(`store cycles, batches of ${batch}`, trials / between(0, 10), 'trials/s'))
      figures.push(figure(`last tenth beside the first, batches of ${batch}`, between(0, 1) / between(9, 10), ''))
    }
    return figures

    async function cycle(sweepId: SweepId, ownerEpoch: number, done: number, count: number): Promise<void> {
      const configs = Array.from({ length: count }, (_, n) => ({
        config: { x: done + n },
        source: 'sampler' as const,
        reason: 'bench',
        draw: done + n,
      }))
      const { created } = await createTrials(database, { sweepId, ownerEpoch, basis: 1, trials: configs })
      const attemptIds = created.map((trial) => trial.attemptId)
      const claimed = await claimAttempts(database, { attemptIds, agentId, leaseMs: 30_000 })
      const reports = claimed.flatMap((claim) =>
        claim.result === 'claimed' ? [endedReport(claim.attemptId, claim.epoch)] : [],
      )
      await ingestReports(database, agentId, reports)
    }
  } finally {
    await database.close()
  }
}

const document = SweepDocument.parse({
  method: 'random',
  metric: { name: 'loss', goal: 'minimize' },
  space: { parameters: [] },
  command: ['true'],
  seed: 1,
})

function endedReport(attemptId: AttemptId, epoch: number): AttemptReport {
  const points = [{ step: 1, at: 1_700_000_000_000, values: { loss: 0.5 } }]
  return {
    attemptId,
    epoch,
    started: { at: 0, argv: ['true'], slots: [0], runDir: '/tmp/run', environment: { python: '3.11' } },
    batches: [{ source: 'metrics', from: 0, to: 20, points }],
    samples: [],
    ended: { at: 0, cause: 'succeeded', message: '', exitCode: 0, signal: null, seconds: 0.01 },
  }
}
