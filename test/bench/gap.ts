import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TrialDetail } from '@sweep/spec/wire/api'
import { TestServer } from '../support/server.ts'
import { createSweep, finished } from '../support/sweeps.ts'
import { atMost, type Check, figure, quantile } from './check.ts'

const TRIALS = 300

/** Time from the end of one program on a slot to the first instruction of the next, by the programs' own clock. */
export async function gap(): Promise<Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-gap-'))
  const server = await TestServer.start({ slots: 2 })
  try {
    const log = join(folder, 'times')
    const script = `a=$(date +%s%N); sleep 0.1; echo "$SWEEP_TRIAL $a $(date +%s%N)" >> ${log}`
    const id = await createSweep(
      server,
      `
method: random
parameters:
  x: {min: 0.0, max: 1.0}
command: [/bin/sh, -c, ${JSON.stringify(script)}]
budget: {trials: ${TRIALS}}
`,
    )
    await finished(server, id, 300_000)
    const runs = await Promise.all(
      (await readFile(log, 'utf8'))
        .trim()
        .split('\n')
        .map(async (line) => {
          const [trial, start, end] = line.split(' ').map(Number)
          const detail = await server.call<TrialDetail>('GET', `/sweeps/${id}/trials/${trial}`)
          return { slot: detail.attemptList[0]?.slots[0] ?? -1, start: (start ?? 0) / 1e6, end: (end ?? 0) / 1e6 }
        }),
    )
    const gaps = [0, 1].flatMap((slot) => {
      const mine = runs.filter((run) => run.slot === slot).sort((a, b) => a.start - b.start)
      return mine.slice(1).map((run, index) => run.start - (mine[index]?.end ?? 0))
    })
    return [
      figure('gaps measured', gaps.length, ''),
      atMost('gap between trials on a slot, median', quantile(gaps, 0.5), 'ms', 50),
      atMost('gap between trials on a slot, p99', quantile(gaps, 0.99), 'ms', 250),
    ]
  } finally {
    await server.remove()
    await rm(folder, { recursive: true, force: true })
  }
}
