import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUSYBOX, TestEngine, WITHOUT_ENGINE } from '../../../../test/support/docker.ts'
import { NO_CALLS, startedBy, testSpec } from '../launcher-contract.ts'
import { DockerLauncher } from './docker-launcher.ts'

const isHere = TestEngine.canStart()

describe.skipIf(!isHere)(isHere ? 'an engine that is restarted' : WITHOUT_ENGINE, () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sweep-engine-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const countsTo = (last: number) => {
    return ['sh', '-c', `trap "exit 0" TERM; for i in $(seq ${last}); do echo line $i; sleep 0.1; done`]
  }
  const spec = (argv: readonly string[]) =>
    testSpec(folder, argv, { container: { image: BUSYBOX, pull: 'never', mounts: [], network: 'none' } })

  test('takes its containers along, and they end by a fault of the host even if they end well', {
    timeout: 180_000,
  }, async () => {
    const engine = await TestEngine.start()
    try {
      const launcher = new DockerLauncher(engine.socket)
      // Longer than an engine on a busy machine takes to get round to it.
      const running = await startedBy(launcher, spec(countsTo(1200)))
      await engine.stop()
      expect(await launcher.unavailable()).toMatch(/no Docker engine answers/)
      const told: string[] = []
      const waiting = launcher.launch(spec(['echo', 'hello']), { ...NO_CALLS, progress: (text) => told.push(text) })
      await engine.restart()
      expect(await running.exited).toMatchObject({
        failure: { cause: 'node-fault', message: expect.stringContaining('engine was stopped or restarted') },
      })
      expect(await running.clear(0)).toBe(0)
      // One that was to start meanwhile has waited.
      const launched = await waiting
      if (launched.kind !== 'started') throw new Error(JSON.stringify(launched))
      expect(await launched.running.exited).toMatchObject({ code: 0 })
      await launched.running.clear(0)
      expect(told[0]).toMatch(/waiting for the Docker engine/)
    } finally {
      await engine.remove()
    }
  })

  test('with live-restore containers live through it, and their output is whole', { timeout: 180_000 }, async () => {
    const engine = await TestEngine.start('--live-restore')
    try {
      const given = spec(countsTo(40))
      const running = await startedBy(new DockerLauncher(engine.socket), given)
      await engine.stop()
      await engine.restart()
      expect(await running.exited).toEqual({ code: 0, signal: null, outOfMemory: false })
      expect(readFileSync(given.outputPath, 'utf8')).toBe(
        Array.from({ length: 40 }, (_, i) => `line ${i + 1}\n`).join(''),
      )
      await running.clear(0)
    } finally {
      await engine.remove()
    }
  })
})
