import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Container } from '@sweep/spec/document/sweep-document'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasDocker, WITHOUT_DOCKER } from '../../../../test/support/docker.ts'
import { PASSWORD, TestRegistry, USER } from '../../../../test/support/registry.ts'
import type { Launched } from '../launcher.ts'
import { NO_CALLS, testSpec } from '../launcher-contract.ts'
import { DockerLauncher } from './docker-launcher.ts'

const isHere = hasDocker()

describe.skipIf(!isHere)(isHere ? 'images of a private registry' : WITHOUT_DOCKER, () => {
  let registry: TestRegistry
  let folder: string
  let outputPath: string
  beforeAll(async () => {
    registry = await TestRegistry.start()
    folder = mkdtempSync(join(tmpdir(), 'sweep-private-'))
  })
  beforeEach(() => {
    registry.forget()
    registry.users.length = 0
  })
  afterAll(async () => {
    await registry.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Launches the image's own command with this `config.json`, none when undefined. */
  function launch(image: string, config: object | undefined): Promise<Launched> {
    const file = join(folder, 'config.json')
    rmSync(file, { force: true })
    if (config !== undefined) writeFileSync(file, JSON.stringify(config))
    const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` }
    const container: Container = { image, pull: 'missing', mounts: [], network: 'none' }
    const spec = testSpec(folder, ['cat', '/unique'], { container })
    outputPath = spec.outputPath
    return new DockerLauncher('/var/run/docker.sock', env).launch(spec, NO_CALLS)
  }

  async function expectRun(launched: Launched): Promise<void> {
    if (launched.kind !== 'started') throw new Error(JSON.stringify(launched))
    expect(await launched.running.exited).toMatchObject({ code: 0 })
    await launched.running.clear(0)
    expect(readFileSync(outputPath, 'utf8')).toContain(String(process.pid))
    expect(registry.users).toContain(USER)
  }

  test('are pulled with what docker login wrote', async () => {
    await expectRun(await launch(registry.image, registry.config()))
  })

  test('are pulled by digest', async () => {
    await expectRun(await launch(registry.pinned, registry.config()))
  })

  test('are pulled with what a credential helper says', async () => {
    const helper = join(folder, 'docker-credential-test')
    const answer = JSON.stringify({ ServerURL: registry.host, Username: USER, Secret: PASSWORD })
    writeFileSync(helper, `#!/bin/sh\n[ "$1 $(cat)" = 'get ${registry.host}' ] || exit 1\necho '${answer}'\n`)
    chmodSync(helper, 0o755)
    await expectRun(await launch(registry.image, { credHelpers: { [registry.host]: 'test' } }))
  })

  test.each([
    ['wrong credentials', () => registry.config(USER, 'wrong'), /credentials of trainer from .*config\.json were sent/],
    ['no credentials', () => ({}), /without credentials: .*config\.json has none/],
    ['no config.json', () => undefined, /without credentials: there is no .*config\.json/],
    ['a helper that is missing', () => ({ credsStore: 'nowhere' }), /docker-credential-nowhere gave none: .*ENOENT/],
  ])('with %s the cause is told, and what to do', async (_, config, why) => {
    const launched = await launch(registry.image, config())
    expect(launched).toEqual({ kind: 'bad-command', message: expect.stringMatching(why) })
    const message = launched.kind === 'bad-command' ? launched.message : ''
    expect(message).toContain(`The image ${registry.image} can't be pulled`)
    expect(message).toContain(`\`docker login ${registry.host}\``)
    expect(registry.users).toEqual([])
  })

  test('one that the registry does not have is told as such', async () => {
    const launched = await launch(`${registry.host}/team/train:2`, registry.config())
    expect(launched).toEqual({ kind: 'bad-command', message: expect.stringMatching(/manifest unknown.*name and tag/) })
  })
})
