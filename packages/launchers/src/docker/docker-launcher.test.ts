import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUSYBOX, containersWith, docker, hasDocker, WITHOUT_DOCKER } from '../../../../test/support/docker.ts'
import type { Launched, Launcher, LaunchSpec } from '../launcher.ts'
import { launcherContract, NO_CALLS, recordOf, startedBy, testSpec } from '../launcher-contract.ts'
import { DockerLauncher } from './docker-launcher.ts'
import { endContainers } from './end-containers.ts'

const SOCKET = '/var/run/docker.sock'
const CONTAINER = { image: BUSYBOX, pull: 'never', mounts: [], network: 'none' } as const

const isHere = hasDocker()

describe.skipIf(!isHere)(isHere ? 'with an engine' : WITHOUT_DOCKER, () => {
  launcherContract(
    'docker',
    () => new DockerLauncher(SOCKET),
    {
      exits: (code) => ['sh', '-c', `exit ${code}`],
      prints: (text) => ['echo', text],
      waits: ['sleep', '300'],
      ignoresSigterm: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'],
      missing: ['no-such-program', '--flag'],
    },
    {
      spec: { container: { ...CONTAINER, mounts: [] } },
      gone: { kind: 'container', id: '0'.repeat(64) },
      starts: 6,
    },
  )

  const launcher: Launcher = new DockerLauncher(SOCKET)
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sweep-docker-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const spec = (argv: readonly string[], given: Partial<LaunchSpec> = {}) =>
    testSpec(folder, argv, { container: { ...CONTAINER, mounts: [] }, ...given })
  const output = (given: LaunchSpec) => readFileSync(given.outputPath, 'utf8')
  const run = async (given: LaunchSpec) => {
    const running = await startedBy(launcher, given)
    const exit = await running.exited
    await running.clear(0)
    expect(containersWith(`sweep.attempt-id=${given.id}`)).toEqual([])
    return exit
  }
  const refused = async (given: LaunchSpec): Promise<Launched> => {
    const launched = await launcher.launch(given, NO_CALLS)
    expect(containersWith(`sweep.attempt-id=${given.id}`)).toEqual([])
    return launched
  }

  test('what other agents of the engine started is found by its attempt and claim, and can be ended', async () => {
    const given = spec(['sleep', '300'], { agent: { id: `lost${process.pid}`, home: '/lost' } })
    const running = await startedBy(launcher, { ...given, labels: { ...given.labels, epoch: 7 } })
    const mine = spec(['sleep', '300'])
    const own = await startedBy(launcher, mine)
    const found = (await launcher.ofOthers?.(mine.agent, []))?.leftovers ?? []
    expect(found.map(({ id }) => id)).not.toContain(mine.id)
    const lost = found.find(({ id }) => id === given.id)
    expect(lost?.epoch).toBe(7)
    await lost?.end()
    expect(containersWith(`sweep.attempt-id=${given.id}`)).toEqual([])
    expect(containersWith(`sweep.attempt-id=${mine.id}`)).toHaveLength(1)
    await Promise.all([running.clear(0), own.clear(0)])
  })

  test('the program is in the sweep’s folder, and what it writes in the run folder is ours', async () => {
    const given = spec(['sh', '-c', 'pwd; echo 1 >"$SWEEP_RUN_DIR/made"; stat -c %u:%g "$SWEEP_RUN_DIR/made"'])
    await run({ ...given, env: { SWEEP_RUN_DIR: given.runFolder } })
    expect(output(given)).toBe(`${folder}\n${process.getuid?.()}:${process.getgid?.()}\n`)
  })

  test('memory beyond the limit is told as such', async () => {
    const exhaust = spec(['sh', '-c', 'x=x; while :; do x="$x$x"; done'], {
      resources: { memoryBytes: 32 * 1024 ** 2 },
    })
    expect(await run(exhaust)).toMatchObject({ outOfMemory: true })
  })

  test('an image that is not there, and may not be pulled, is a bad command that names it', async () => {
    const launched = await refused(spec(['true'], { container: { ...CONTAINER, image: 'no/such:1', mounts: [] } }))
    expect(launched).toEqual({ kind: 'bad-command', message: expect.stringContaining('no/such:1') })
  })

  test.each([
    ['an entry point that is not in the image', { entrypoint: ['/no/such'] }, /can't be started in the image/],
    ['a user that the image does not know', { user: 'nobody-knows' }, /nobody-knows/],
    [
      'a mount that is not there',
      { mounts: [{ source: '/no/such', target: '/x', readOnly: true }] },
      /\/no\/such does not/,
    ],
  ])('%s is a bad command', async (_name, container, message) => {
    const given = spec(['true'], { container: { ...CONTAINER, pull: 'missing', mounts: [], ...container } })
    const launched = await launcher.launch(given, NO_CALLS)
    const failure =
      launched.kind === 'started'
        ? (await launched.running.exited).failure
        : launched.kind === 'aborted'
          ? undefined
          : { cause: launched.kind, message: launched.message }
    if (launched.kind === 'started') await launched.running.clear(0)
    expect(failure).toEqual({ cause: 'bad-command', message: expect.stringMatching(message) })
  })

  test('a folder that is not on this host is a bad command', async () => {
    const launched = await refused(spec(['true'], { cwd: join(folder, 'nowhere') }))
    expect(launched).toEqual({ kind: 'bad-command', message: expect.stringContaining('nowhere does not exist') })
  })

  test('a launch that nobody wants any more leaves nothing behind', async () => {
    const given = spec(['true'])
    expect(await launcher.launch(given, { ...NO_CALLS, aborted: AbortSignal.abort() })).toEqual({ kind: 'aborted' })
    expect(containersWith(`sweep.attempt-id=${given.id}`)).toEqual([])
  })

  test('a program that ends well because somebody stopped its container has not come to its end', async () => {
    const argv = ['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done']
    const given = spec(argv)
    const running = await startedBy(launcher, given)
    await expect.poll(() => readFileSync(given.outputPath, 'utf8'), { timeout: 20_000 }).toContain('ready')
    docker('stop', running.place.kind === 'container' ? running.place.id : '')
    expect(await running.exited).toMatchObject({
      code: 0,
      failure: { cause: 'node-fault', message: expect.stringContaining('docker stop') },
    })
    await running.clear(0)
  })

  test('a container that somebody removes ends the attempt, by a fault of the host', async () => {
    const running = await startedBy(launcher, spec(['sleep', '300']))
    docker('rm', '-f', running.place.kind === 'container' ? running.place.id : '')
    expect((await running.exited).failure).toMatchObject({ cause: 'node-fault' })
    expect(await running.clear(0)).toBe(0)
  })

  test('100 MB of output are all there, in order', async () => {
    const given = spec(['sh', '-c', `yes ${'0123456789abcdef'.repeat(63)}0123456789abcde | head -n 102400`])
    expect(await run(given)).toMatchObject({ code: 0 })
    const bytes = readFileSync(given.outputPath)
    expect(bytes.length).toBe(102_400 * 1024)
    const line = Buffer.from(`${'0123456789abcdef'.repeat(63)}0123456789abcde\n`)
    expect(bytes.equals(Buffer.alloc(bytes.length, line))).toBe(true)
  })

  test('output goes on where it was when another agent takes over, nothing lost and nothing twice', async () => {
    const given = spec(['sh', '-c', 'for i in $(seq 400); do echo line $i; sleep 0.005; done'])
    const first = await startedBy(launcher, given)
    await expect.poll(() => output(given), { timeout: 20_000 }).toContain('line 20\n')
    first.release?.()
    const adopted = await new DockerLauncher(SOCKET).adopt(recordOf(given, first), NO_CALLS)
    expect(await adopted.exited).toMatchObject({ code: 0 })
    expect(output(given)).toBe(Array.from({ length: 400 }, (_, i) => `line ${i + 1}\n`).join(''))
    await adopted.clear(0)
  })

  test('how it ended is known to whoever comes after the container was removed', async () => {
    const given = spec(['sh', '-c', 'exit 5'])
    const running = await startedBy(launcher, given)
    await running.exited
    await running.clear(0)
    const adopted = await new DockerLauncher(SOCKET).adopt(recordOf(given, running), NO_CALLS)
    expect(await adopted.exited).toMatchObject({ code: 5 })
  })

  test('use of CPU and memory is what the engine counts', async () => {
    const running = await startedBy(launcher, spec(['sh', '-c', 'while :; do :; done']))
    await expect
      .poll(async () => (await launcher.usage?.(running))?.cpuSeconds ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(0.1)
    expect((await launcher.usage?.(running))?.memoryBytes).toBeGreaterThan(0)
    await running.clear(0)
  })

  test('all containers of an agent that is gone are ended at once, and none of another', async () => {
    const agent = { id: `gone${process.pid}`, home: folder }
    const waits = { ...spec(['sleep', '300']), agent }
    const mine = [await startedBy(launcher, waits), await startedBy(launcher, { ...spec(['sleep', '300']), agent })]
    const other = await startedBy(launcher, spec(['sleep', '300']))
    for (const running of mine) running.release?.()
    await endContainers(SOCKET, agent.id, 100)
    expect(containersWith(`sweep.agent=${agent.id}`)).toEqual([])
    expect(containersWith(`sweep.attempt-id=${other.id}`)).toHaveLength(1)
    await other.clear(0)
  })
})
