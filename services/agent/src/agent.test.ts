import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Known } from './fake-server.ts'
import { AgentBench, ended, isLiving, sh, until } from './test-agent.ts'

let bench: AgentBench

beforeEach(async () => {
  bench = await AgentBench.start()
})
afterEach(() => bench.close())

test('a fenced attempt is killed and not heard of again', async () => {
  await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'])
  await until(() => known.started)
  known.isFenced = true
  const pid = known.started?.pid ?? 0
  await until(() => !isLiving(pid))
  await until(() => bench.server.heartbeats.at(-1)?.attempts.length === 0)
  expect(known.ended).toBeUndefined()
})

test('no more runs at once than there are slots, and GPUs are bound to them', async () => {
  await bench.agent(
    { slots: undefined },
    {
      queryGpus: async () => [
        ['0', 'GPU-a', 'Test', '1000'],
        ['1', 'GPU-b', 'Test', '1000'],
      ],
    },
  )
  const both = [1, 2].map(() => bench.server.enqueue(sh('echo "gpu is $CUDA_VISIBLE_DEVICES"; sleep 0.2')))
  const hidden = bench.server.enqueue(sh('echo "gpu is <$CUDA_VISIBLE_DEVICES>"'), { shape: { gpus: 0 } })
  const wide = bench.server.enqueue(sh('echo "gpu is $CUDA_VISIBLE_DEVICES"'), { shape: { gpus: 2 } })
  for (const known of [...both, hidden, wide]) await ended(known)
  expect(both.map((known) => known.log).sort()).toEqual(['gpu is 0\n', 'gpu is 1\n'])
  expect(hidden.log).toBe('gpu is <>\n')
  expect(wide.log).toBe('gpu is 0,1\n')
  expect(bench.server.registrations[0]?.slots).toEqual([
    { index: 0, gpu: { index: 0, uuid: 'GPU-a', name: 'Test', memoryBytes: 1000 * 1024 * 1024 } },
    { index: 1, gpu: { index: 1, uuid: 'GPU-b', name: 'Test', memoryBytes: 1000 * 1024 * 1024 } },
  ])
})

test('the next attempt comes with the answer to the report that frees its slot, and never before', async () => {
  await bench.agent()
  const all = Array.from({ length: 12 }, () => bench.server.enqueue(['true']))
  for (const known of all) await ended(known)
  expect(all.map((known) => known.ended?.cause)).toEqual(all.map(() => 'succeeded'))
  expect(bench.server.mostOpen).toBe(2)
  // All but the first two; one may come by a claim of its own when the other slot was quicker.
  expect(bench.server.ridden.size).toBeGreaterThan(6)
})

test('the slot of an attempt whose end the server has not taken is not offered', async () => {
  await bench.agent({ slots: 1 })
  const first = bench.server.enqueue(['true'])
  await until(() => first.agentId)
  bench.server.isAway = true
  const second = bench.server.enqueue(['true'])
  await until(() => existsSync(join(bench.runFolder(first), 'exit')))
  bench.server.isAway = false
  await ended(second)
  expect(first.ended?.cause).toBe('succeeded')
  expect(bench.server.mostOpen).toBe(1)
})

test('what comes with a report while the agent drains is given back', async () => {
  const agent = await bench.agent({ slots: 1 })
  const first = bench.server.enqueue(sh('sleep 0.3'))
  await until(() => first.started)
  const second = bench.server.enqueue(['true'])
  bench.server.holdReports = true
  await until(() => bench.server.heldReports > 0)
  const drained = agent.drain()
  bench.server.releaseReports()
  await drained
  expect(first.ended?.cause).toBe('succeeded')
  expect(second.ended?.cause).toBe('withdrawn')
  expect(second.started).toBeUndefined()
})

test('stopping the agent preempts what runs, reports it, and claims no more', async () => {
  const agent = await bench.agent()
  const known = bench.server.enqueue(['sleep', '300'])
  await until(() => known.started)
  await agent.stop()
  expect(known.ended).toMatchObject({ cause: 'preempted', signal: 'SIGTERM' })
  const late = bench.server.enqueue(['true'])
  await agent.done
  expect(late.agentId).toBeUndefined()
  expect(existsSync(join(agent.home, 'lock'))).toBe(false)
})

test('draining lets what runs finish', async () => {
  const agent = await bench.agent()
  const known = bench.server.enqueue(sh('sleep 0.3; exit 0'))
  await until(() => known.started)
  bench.server.push({ type: 'drain' })
  await agent.done
  expect(known.ended).toMatchObject({ cause: 'succeeded' })
})

test('an agent that comes back goes by its old id and takes over what still runs', async () => {
  const first = await bench.agent()
  const known = bench.server.enqueue(
    sh(
      'i=0; while [ ! -e $SWEEP_RUN_DIR/end ]; do i=$((i+1)); echo "{\\"step\\": $i, \\"val_loss\\": 1}" >>$SWEEP_METRICS; sleep 0.02; done; exit 5',
    ),
  )
  await until(() => known.points.metrics.length > 2)
  const id = await first.ready
  await first.leave()
  const count = known.points.metrics.length
  const second = await bench.agent()
  expect(await second.ready).toBe(id)
  await until(() => known.points.metrics.length > count + 2)
  appendFileSync(join(bench.runFolder(known), 'end'), '')
  expect(await ended(known)).toMatchObject({ cause: 'user-error', exitCode: 5 })
  const steps = known.points.metrics.map((point) => point.step)
  expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1))
})

test('an agent that comes back reports what ended meanwhile, with its exit code, and kills what is no longer its own', async () => {
  const first = await bench.agent()
  const finishes = bench.server.enqueue(sh('sleep 0.2; echo "{\\"val_loss\\": 7}" >>$SWEEP_METRICS; exit 0'))
  const lost = bench.server.enqueue(['sleep', '300'])
  await until(() => finishes.started && lost.started)
  await first.leave()
  await until(() => existsSync(join(bench.runFolder(finishes), 'exit')))
  lost.isFenced = true
  await bench.agent()
  expect(await ended(finishes)).toMatchObject({ cause: 'succeeded', exitCode: 0 })
  expect(finishes.points.metrics).toHaveLength(1)
  await until(() => !isLiving(lost.started?.pid ?? 0))
})

test('what an agent was starting when it was killed goes on, ends as it has ended, or is given back', async () => {
  const first = await bench.agent({ slots: 3 })
  const untilTold = (code: number) => sh(`while [ ! -e $SWEEP_RUN_DIR/end ]; do sleep 0.02; done; exit ${code}`)
  const [lives, finishes, never] = [untilTold(5), untilTold(0), untilTold(0)].map((argv) => bench.server.enqueue(argv))
  if (lives === undefined || finishes === undefined || never === undefined) throw new Error('not enqueued')
  const all = [lives, finishes, never]
  const tell = (known: Known) => appendFileSync(join(bench.runFolder(known), 'end'), '')
  await until(() => all.every((known) => known.started))
  await first.leave()
  for (const known of [finishes, never]) tell(known)
  await until(() => [finishes, never].every((known) => existsSync(join(bench.runFolder(known), 'exit'))))
  for (const name of ['exit', 'output.log']) rmSync(join(bench.runFolder(never), name))
  const journal = join(first.home, 'live.jsonl')
  const withPlace = readFileSync(journal, 'utf8')
  expect(withPlace.match(/"place":null/g)).toHaveLength(all.length)
  // As if the agent had come no further than to the first entry of each.
  writeFileSync(journal, withPlace.replace(/"place":\{[^}]*\}/g, '"place":null'))
  const second = await bench.agent({ slots: 3 })
  await second.ready
  const told = bench.server.registrations.at(-1)?.attempts
  expect(told?.toSorted()).toEqual(all.map((known) => known.assignment.attemptId).toSorted())
  expect(await ended(finishes)).toMatchObject({ cause: 'succeeded', exitCode: 0 })
  expect(await ended(never)).toMatchObject({ cause: 'withdrawn' })
  expect(lives.ended).toBeUndefined()
  tell(lives)
  expect(await ended(lives)).toMatchObject({ cause: 'user-error', exitCode: 5 })
})

test('a second agent on the same host gets a name and a home of its own', async () => {
  const [first, second] = [await bench.agent(), await bench.agent()]
  expect([first.name, second.name]).toEqual(['tester', 'tester-2'])
  expect(await first.ready).not.toBe(await second.ready)
})

test('a wrong token ends the agent with a clear error', async () => {
  const agent = await bench.agent({ token: 'swp_user_wrong' })
  await expect(agent.ready).rejects.toMatchObject({ code: 'unauthenticated' })
  await agent.done
})

test('a server that is not there yet is waited for', async () => {
  bench.server.isAway = true
  const agent = await bench.agent()
  await until(() => bench.server.requests.length > 1)
  bench.server.isAway = false
  expect(await agent.ready).toMatch(/^agent/)
})

test('a folder that cannot be written to costs the attempt its host, not the agent its life', async () => {
  const agent = await bench.agent()
  await agent.ready
  const runs = join(agent.home, 'runs')
  renameSync(runs, `${runs}.away`)
  const known = bench.server.enqueue(['true'])
  expect(await ended(known)).toMatchObject({
    cause: 'node-fault',
    message: expect.stringContaining('Free some disk space'),
  })
  renameSync(`${runs}.away`, runs)
  expect(await ended(bench.server.enqueue(['true']))).toMatchObject({ cause: 'succeeded' })
})

test('its token is kept from others', async () => {
  const agent = await bench.agent()
  await agent.ready
  expect(statSync(join(agent.home, 'agent.json')).mode & 0o777).toBe(0o600)
})
