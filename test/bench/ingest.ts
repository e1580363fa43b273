import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster } from '@sweep/standalone/postgres/cluster'
import { TestServer } from '../support/server.ts'
import { createSweep, finished } from '../support/sweeps.ts'
import { type Check, figure } from './check.ts'
import { ingestBench } from './ingest-store.ts'

const LINES = 50_000
const METRICS = 4

/** Metric points per second: from a program's file to Postgres, and into the store beside plain COPY. */
export async function ingest(): Promise<Check[]> {
  const checks: Check[] = [...(await throughTheAgent())]
  const folder = await mkdtemp(join(tmpdir(), 'sweep-ingest-'))
  const { chmod } = await import('node:fs/promises')
  await chmod(folder, 0o755)
  const cluster = await startCluster({ folder: join(folder, 'postgres') })
  try {
    checks.push(...(await ingestBench(cluster.url)))
  } finally {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return checks
}

async function throughTheAgent(): Promise<Check[]> {
  const server = await TestServer.start({ slots: 1 })
  try {
    const script = `
import os
with open(os.environ["SWEEP_METRICS"], "a") as file:
    for step in range(${LINES}):
        file.write('{"step": %d, "val_loss": %f, "a": %d, "b": 0.25, "c": 1e-3}\\n' % (step, 1 / (step + 1), step))
`
    const begin = performance.now()
    const id = await createSweep(
      server,
      `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 0.0, max: 1.0}
command: [/usr/bin/python3, -c, ${JSON.stringify(script)}]
budget: {trials: 1}
`,
    )
    await finished(server, id, 300_000)
    const seconds = (performance.now() - begin) / 1000
    return [figure('points end to end (file, agent, HTTP, Postgres)', (LINES * METRICS) / seconds, '1/s')]
  } finally {
    await server.remove()
  }
}
