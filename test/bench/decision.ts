import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestServer } from '../support/server.ts'
import { createSweep, finished } from '../support/sweeps.ts'
import { atLeast, atMost, type Check, quantile } from './check.ts'

const TRIALS = 106

/** Time from a report line in metrics.jsonl to the prune decision in control.json, seen by the program itself. */
export async function decision(): Promise<Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-decision-'))
  const server = await TestServer.start({ slots: 2 })
  try {
    const log = join(folder, 'latencies')
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.0, max: 1.0}
command: [/usr/bin/python3, wait-for-stop.py, ${log}]
early_terminate: {type: asha, min_resource: 1, max_resource: 9, reduction_factor: 3}
budget: {trials: ${TRIALS}}
`,
    )
    await finished(server, id, 300_000)
    const latencies = (await readFile(log, 'utf8')).trim().split('\n').map(Number)
    return [
      atLeast('decisions measured', latencies.length, '', 50),
      atMost('report written to decision seen, median', quantile(latencies, 0.5), 'ms', 100),
      atMost('report written to decision seen, p99', quantile(latencies, 0.99), 'ms', 1000),
    ]
  } finally {
    await server.remove()
    await rm(folder, { recursive: true, force: true })
  }
}
