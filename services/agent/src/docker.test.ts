import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BUSYBOX, containersWith, docker, hasDocker, WITHOUT_DOCKER } from '../../../test/support/docker.ts'
import type { Known } from './fake-server.ts'
import { LiveJournal } from './home/live-journal.ts'
import { AgentBench } from './test-agent.ts'

const isHere = hasDocker()
/** Its end may be seen before its removal is. */
const OUTSIDE = /somebody removed it|from outside of sweep/

function until(condition: () => unknown, timeout = 40_000): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout, interval: 20 })
}

describe.skipIf(!isHere)(isHere ? 'an agent with an engine' : WITHOUT_DOCKER, () => {
  let bench: AgentBench
  beforeEach(async () => {
    bench = await AgentBench.start()
  })
  afterEach(() => bench.close())

  const start = () => bench.agent({ launchers: ['docker'] })
  const enqueue = (command: readonly string[], given: Partial<Assignment> = {}): Known =>
    bench.server.enqueue(command, {
      ...{ launcher: 'docker', container: { image: BUSYBOX, pull: 'never', mounts: [], network: 'none' } },
      ...given,
    })
  const containersOf = ({ assignment }: Known) => containersWith(`sweep.attempt-id=${assignment.attemptId}`)
  const steps = (known: Known) => known.points.metrics.map(({ step }) => step)
  const report = (count: number, pause: number) => [
    'sh',
    '-c',
    `for i in $(seq ${count}); do echo '{"step": '$i', "val_loss": '$i'}' >>"$SWEEP_METRICS"; echo at $i; sleep ${pause}; done`,
  ]

  test('offers docker alone, and what a container reports and prints arrives whole', async () => {
    await start()
    const known = enqueue(report(20, 0.01))
    await until(() => known.ended)
    expect(bench.server.registrations.map((one) => one.launchers)).toEqual([['docker']])
    expect(known.ended).toMatchObject({ cause: 'succeeded', exitCode: 0 })
    expect(steps(known)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(known.log).toBe(Array.from({ length: 20 }, (_, i) => `at ${i + 1}\n`).join(''))
    await until(() => containersOf(known).length === 0)
  })

  test('containers live through a restart of the agent, and nothing of them is lost or doubled', async () => {
    const first = await start()
    const known = [enqueue(report(60, 0.05)), enqueue(report(60, 0.05))]
    await until(() => known.every((one) => steps(one).length > 5))
    const before = known.map(containersOf)
    await first.leave()
    await start()
    expect(known.map(containersOf)).toEqual(before)
    await until(() => known.every((one) => one.ended))
    for (const one of known) {
      expect(one.ended).toMatchObject({ cause: 'succeeded' })
      expect(steps(one)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
      expect(one.log).toBe(Array.from({ length: 60 }, (_, i) => `at ${i + 1}\n`).join(''))
      await until(() => containersOf(one).length === 0)
    }
  })

  test.each([
    ['memory used up', ['sh', '-c', 'x=x; while :; do x="$x$x"; done'], { shape: { memoryBytes: 2 ** 25 } }, 'oom'],
    ['a program that is not in the image', ['no-such-program'], {}, 'bad-command'],
    ['an error', ['sh', '-c', 'echo oh no; exit 3'], {}, 'user-error'],
  ])('%s is told as what it is', async (_name, command, given, cause) => {
    await start()
    const known = enqueue(command, given)
    await until(() => known.ended)
    expect(known.ended?.cause).toBe(cause)
    await until(() => containersOf(known).length === 0)
  })

  test('an image that is missing ends the attempt before it starts, and names the image', async () => {
    await start()
    const known = enqueue(['true'], { container: { image: 'no/such:1', pull: 'never', mounts: [], network: 'none' } })
    await until(() => known.ended)
    expect(known.ended).toMatchObject({ cause: 'bad-command', message: expect.stringContaining('no/such:1') })
  })

  test('a container that is removed by hand ends the attempt by a fault of the host, to be retried', async () => {
    await start()
    const known = enqueue(['sleep', '300'])
    await until(() => known.started)
    docker('rm', '-f', ...containersOf(known))
    await until(() => known.ended)
    expect(known.ended).toMatchObject({ cause: 'node-fault', message: expect.stringMatching(OUTSIDE) })
  })

  test('a program that ignores SIGTERM is killed after its grace, and its container goes', async () => {
    await start()
    const known = enqueue(['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'], { graceMs: 500 })
    await until(() => known.log.includes('ready'))
    bench.server.stop(known, 'cancelled')
    await until(() => known.ended)
    expect(known.ended).toMatchObject({ cause: 'cancelled', signal: 'SIGKILL' })
    await until(() => containersOf(known).length === 0)
  })

  test('a container that no record tells of is ended at the next start of the agent', async () => {
    const first = await start()
    const known = enqueue(['sleep', '300'])
    await until(() => known.started)
    await first.leave()
    const { attemptId } = known.assignment
    const journal = new LiveJournal(join(first.home, 'live.jsonl'))
    expect(journal.read()).toHaveLength(1)
    journal.forget(attemptId)
    journal.close()
    expect(containersOf(known)).toHaveLength(1)
    await start()
    await until(() => containersOf(known).length === 0)
  })

  test('its run folder is the same inside and outside, and only what the sweep names of the environment is there', async () => {
    const agent = await bench.agent({
      launchers: ['docker'],
      passEnv: ['PASSED'],
      env: { PATH: '/host/bin', HOME: '/host/home', PASSED: 'yes' },
    })
    const known = enqueue(['sh', '-c', 'env >"$SWEEP_RUN_DIR/env"'], { env: { MINE: '1' } })
    await until(() => known.ended)
    const file = join(agent.home, 'runs', known.assignment.attemptId, 'env')
    expect(existsSync(file)).toBe(true)
    const env = readFileSync(file, 'utf8').split('\n')
    expect(env).toEqual(expect.arrayContaining(['PATH=/usr/bin', 'PASSED=yes', 'MINE=1', 'PARAM_lr=0.1']))
    expect(env.filter((line) => line.startsWith('SWEEP_URL') || line.includes('/host/'))).toEqual([])
  })
})
