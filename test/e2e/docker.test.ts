import { cpSync, existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from '../support/agent.ts'
import { expectConsistent } from '../support/consistent.ts'
import { BUSYBOX, containersWith, docker, hasDocker, PYTHON, WITHOUT_DOCKER } from '../support/docker.ts'
import { ROOT, TestServer, waitFor } from '../support/server.ts'
import { allFacts, createSweep, finished, getTrial } from '../support/sweeps.ts'

const isHere = hasDocker()

describe.skipIf(!isHere)(isHere ? 'trials in containers' : WITHOUT_DOCKER, () => {
  let server: TestServer
  let agent: TestAgent
  let folder: string

  beforeAll(async () => {
    server = await TestServer.start({ agent: false })
    agent = await TestAgent.start(server, { name: 'docker', slots: 2, env: { SWEEP_LAUNCHERS: 'docker' } })
    folder = await mkdtemp(join(tmpdir(), 'sweep-docker-'))
    await chmod(folder, 0o755)
  })
  afterAll(async () => {
    await agent.remove()
    await server.remove()
    await rm(folder, { recursive: true, force: true })
  })

  /** Trials that report `steps` lines, and note their start and end in `log`. */
  const steps = (log: string, count: number, rest: string) => `
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  x: {min: 1000, max: 1000000}
command: [/bin/sh, steps.sh, "\${args}", --steps=${count}, --pause=0.1, --log=${log}]
launcher: docker
container: {image: "${BUSYBOX}", pull: never, network: none, mounts: ["${folder}:${folder}"]}
${rest}
`
  const linesOf = (log: string) => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  const reportsOf = async (id: string, trial: number) =>
    (await getTrial(server, id, trial).catch(() => ({ reports: 0 }))).reports

  test('the digits sweep is pruned while it runs, and every container goes', { timeout: 300_000 }, async () => {
    const digits = join(folder, 'digits')
    cpSync(join(ROOT, 'sweeps', 'digits'), digits, { recursive: true })
    // The network small, so that plain Python is fast enough: the image has no NumPy.
    const source = readFileSync(join(digits, 'sweep.yaml'), 'utf8').replace('max: 64', 'max: 24')
    const container = `launcher: docker\ncontainer: {image: "${PYTHON}", pull: never, network: none}\n`
    const id = await createSweep(server, `${source}\n${container}`, digits)
    const sweep = await finished(server, id, 280_000)
    expect(sweep).toMatchObject({ state: 'completed', trials: { failed: 0, cancelled: 0 } })
    expect(sweep.trials.completed + sweep.trials.pruned).toBe(30)
    expect(sweep.trials.pruned).toBeGreaterThan(10)
    expect(Number(sweep.best?.value)).toBeGreaterThan(0.9)
    await waitFor(() => containersWith(`sweep.id=${id}`).length === 0)
    await expectConsistent(server, [id])
  })

  test('after kill -9 the agent takes its two containers over, and nothing is doubled', {
    timeout: 120_000,
  }, async () => {
    const log = join(folder, 'killed')
    const id = await createSweep(server, steps(log, 80, 'budget: {trials: 2}\nseed: 3'))
    await waitFor(async () => (await reportsOf(id, 1)) > 3 && (await reportsOf(id, 2)) > 3)
    const before = containersWith(`sweep.id=${id}`)
    expect(before).toHaveLength(2)
    await agent.kill()
    await sleep(1000)
    await agent.start()
    expect(containersWith(`sweep.id=${id}`)).toEqual(before)
    expect(await finished(server, id)).toMatchObject({ state: 'completed', trials: { completed: 2 } })
    expect(linesOf(log).sort()).toEqual(
      [1, 2].flatMap((trial) => [`end ${trial} ${id}-${trial}-1`, `start ${trial} ${id}-${trial}-1`]).sort(),
    )
    for (const trial of [1, 2]) expect(await reportsOf(id, trial)).toBe(80)
    await waitFor(() => containersWith(`sweep.id=${id}`).length === 0)
    await expectConsistent(server, [id])
  })

  test('a trial whose container somebody removes is tried again', { timeout: 120_000 }, async () => {
    const log = join(folder, 'removed')
    const id = await createSweep(server, steps(log, 20, 'budget: {trials: 1}\nseed: 4'))
    await waitFor(async () => (await reportsOf(id, 1)) > 3)
    docker('rm', '-f', ...containersWith(`sweep.id=${id}`))
    expect(await finished(server, id)).toMatchObject({ state: 'completed', trials: { completed: 1 } })
    const ends = (await allFacts(server, id)).filter((fact) => fact.kind === 'attempt-ended')
    expect(ends.map(({ cause }) => cause)).toEqual(['node-fault', 'succeeded'])
    expect(ends[0]?.message).toMatch(/somebody removed it|from outside of sweep/)
    expect(linesOf(log)).toEqual([`start 1 ${id}-1-1`, `start 1 ${id}-1-2`, `end 1 ${id}-1-2`])
    await expectConsistent(server, [id])
  })

  test('a sweep of processes is not given to it, and says why it waits', { timeout: 60_000 }, async () => {
    const source = steps(join(folder, 'none'), 1, 'budget: {trials: 1}').replace(/launcher: docker\ncontainer.*\n/, '')
    const id = await createSweep(server, source)
    await waitFor(async () => {
      const { reason } = await server.call<{ reason: string | null }>('GET', `/sweeps/${id}`)
      return reason !== null && /no living agent can launch process; agent .* has docker only/.test(reason)
    })
    await server.call('POST', `/sweeps/${id}/cancel`)
  })
})
