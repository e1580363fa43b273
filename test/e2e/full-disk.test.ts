import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { canMount, SmallDisk, WITHOUT_MOUNT } from '../support/small-disk.ts'
import { allFacts, allTrials, createSweep, finished, getSweep, getTrial } from '../support/sweeps.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Each trial leaves 800 kB on a disk of 4 MiB. */
const TWELVE_TRIALS = `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 100000}
command:
  - /bin/sh
  - -c
  - |
    for step in 1 2 3 4 5 6 7 8; do
      echo "{\\"step\\": $step, \\"val_loss\\": $step}" >>$SWEEP_METRICS || exit 1
      head -c 100000 /dev/zero >$SWEEP_RUN_DIR/model-$step || exit 1
      sleep 0.02
    done
budget: {trials: 12}
retry: {lost_max: 30}
`

async function removeModels(runs: string): Promise<void> {
  for (const run of await readdir(runs)) {
    for (const name of await readdir(join(runs, run))) {
      if (name.startsWith('model-')) await rm(join(runs, run, name), { force: true })
    }
  }
}

const isMountable = canMount()
test.skipIf(!isMountable)(
  `a sweep on a disk that fills up waits, says why, and goes on where there is room again${isMountable ? '' : ` (${WITHOUT_MOUNT})`}`,
  async () => {
    const server = await TestServer.start({ agent: false, env: { SWEEP_HEARTBEAT_MS: '500' } })
    cleanups.push(() => server.remove())
    const disk = SmallDisk.mount()
    cleanups.push(() => disk.unmount())
    const agent = await TestAgent.start(server, { name: 'small', slots: 2, env: { SWEEP_HOME: disk.path } })
    cleanups.push(() => agent.remove())
    const { pid } = agent
    const id = await createSweep(server, TWELVE_TRIALS)

    const isBlocked = async () => (await getSweep(server, id)).reason?.includes('is full') === true
    await waitFor(isBlocked)
    const blocked = await getSweep(server, id)
    expect(blocked.reason).toMatch(/^agent .* takes nothing while the disk of .* is full \(.* left\)$/)
    expect(blocked.trials.completed).toBeGreaterThan(0)
    expect(blocked.trials).toMatchObject({ running: 0, failed: 0 })
    const ends = (await allFacts(server, id)).filter((fact) => fact.kind === 'attempt-ended')
    expect(ends.find((end) => end.cause === 'node-fault')?.message).toMatch(
      /^The program ended with 1 while the disk of .* is full .* Free some disk space on this host\.$/,
    )

    // As a user would, until nothing is left to do: the trials that are still to come need more than there is at once.
    await waitFor(async () => {
      await removeModels(join(disk.path, 'agents', 'small', 'runs'))
      return (await getSweep(server, id)).state === 'completed'
    })
    expect((await finished(server, id)).trials).toMatchObject({ completed: 12, failed: 0 })
    expect(agent.pid).toBe(pid)
    for (const { number } of await allTrials(server, id)) {
      const last = (await getTrial(server, id, number)).attemptList.at(-1)
      expect(last?.cause).toBe('succeeded')
      const stored = await server.call<{ series: { steps: number[] }[] }>(
        'GET',
        `/sweeps/${id}/trials/${number}/metrics?name=val_loss&attempt=${last?.number}`,
      )
      expect(stored.series[0]?.steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    }
    await expectConsistent(server, [id])
  },
  120_000,
)
