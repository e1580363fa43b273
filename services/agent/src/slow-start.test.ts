import { FakeLauncher } from '@sweep/launchers/fake-launcher'
import type { LaunchCalls, Launched, LaunchSpec } from '@sweep/launchers/launcher'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AgentBench } from './test-agent.ts'

/** Tells that it pulls, and starts only when it is told to. */
class SlowLauncher extends FakeLauncher {
  go: () => void = () => undefined

  override async launch(spec: LaunchSpec, calls?: LaunchCalls): Promise<Launched> {
    calls?.progress('pulling my/train:1')
    const isAborted = await new Promise<boolean>((resolve) => {
      this.go = () => resolve(false)
      calls?.aborted.addEventListener('abort', () => resolve(true))
    })
    calls?.progress('')
    return isAborted ? { kind: 'aborted' } : super.launch(spec)
  }
}

let bench: AgentBench
let launcher: SlowLauncher
beforeEach(async () => {
  bench = await AgentBench.start()
  launcher = new SlowLauncher()
  await bench.agent({}, { launchers: { all: new Map([['process', launcher]]), offered: ['process'] } })
})
afterEach(() => bench.close())

function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 20_000, interval: 5 })
}

test('what an attempt waits for is told, its lease is renewed meanwhile, and the note goes when it runs', async () => {
  const known = bench.server.enqueue(['exit', '0'])
  await until(() => known.note === 'pulling my/train:1')
  const beats = bench.server.heartbeats.length
  const isNamed = () =>
    bench.server.heartbeats.slice(beats).some(({ attempts }) => attempts[0]?.attemptId === known.assignment.attemptId)
  await until(isNamed)
  expect(known.started).toBeUndefined()
  launcher.go()
  await until(() => known.ended)
  expect(known).toMatchObject({ note: '', ended: { cause: 'succeeded' } })
})

test('a stop gives up a start that is under way, and its slot is free again', async () => {
  const known = bench.server.enqueue(['exit', '0'])
  await until(() => known.note)
  bench.server.stop(known, 'cancelled')
  await until(() => known.ended)
  expect(known.ended).toMatchObject({ cause: 'cancelled' })
  expect(launcher.launches).toEqual([])
  await until(() => bench.server.heartbeats.at(-1)?.room.slots === 2)
})

test('an attempt that is fenced while it starts is given up and not heard of again', async () => {
  const known = bench.server.enqueue(['exit', '0'])
  await until(() => known.note)
  known.isFenced = true
  await until(() => bench.server.heartbeats.at(-1)?.attempts.length === 0)
  expect(launcher.launches).toEqual([])
  expect(known.ended).toBeUndefined()
})
