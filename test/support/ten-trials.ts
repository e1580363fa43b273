import { expect } from 'vitest'
import { expectConsistent } from './consistent.ts'
import type { TestServer } from './server.ts'
import { allTrials, getTrial } from './sweeps.ts'

/** Trials of five seconds each, for faults in the middle. */
export const TEN_TRIALS = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command: [/bin/sh, steps.sh, "\${args}", --steps=50, --pause=0.1]
budget: {trials: 10}
`

/** Every trial completed at its first attempt, and the server has all it reported, once. */
export async function expectAllReports(server: TestServer, id: string): Promise<void> {
  for (const row of await allTrials(server, id)) {
    expect(row.state).toBe('completed')
    const detail = await getTrial(server, id, row.number)
    expect(detail.attemptList).toHaveLength(1)
    const stored = await server.call<{ series: { steps: number[] }[] }>(
      'GET',
      `/sweeps/${id}/trials/${row.number}/metrics?name=val_loss`,
    )
    expect(stored.series[0]?.steps).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
  }
  await expectConsistent(server, [id])
}
