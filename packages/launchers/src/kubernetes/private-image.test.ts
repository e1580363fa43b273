import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasCluster, TestCluster, TURN_MS, WITHOUT_CLUSTER } from '../../../../test/support/cluster.ts'
import { PASSWORD, TestRegistry, USER } from '../../../../test/support/registry.ts'
import type { Running } from '../launcher.ts'
import { NO_CALLS, testSpec } from '../launcher-contract.ts'
import { connect } from './connect.ts'
import { KubernetesLauncher } from './kubernetes-launcher.ts'

const enabled = hasCluster()
const namespace = `private-${process.pid}`

describe.skipIf(!enabled)(enabled ? 'images of a private registry, in a cluster' : WITHOUT_CLUSTER, () => {
  let cluster: TestCluster
  let registry: TestRegistry
  let folder: string
  let outputPath: string
  beforeAll(async () => {
    cluster = await TestCluster.take(namespace)
    registry = await TestRegistry.start()
    folder = mkdtempSync(join(tmpdir(), 'sweep-private-'))
    const secretOf = (name: string, password: string) =>
      cluster.kubectl(
        ...['-n', namespace, 'create', 'secret', 'docker-registry', name, `--docker-server=${registry.host}`],
        ...[`--docker-username=${USER}`, `--docker-password=${password}`],
      )
    await secretOf('right', PASSWORD)
    await secretOf('wrong', 'wrong')
  }, TURN_MS)
  beforeEach(() => registry.forget())
  afterAll(async () => {
    await registry?.stop()
    await cluster?.release()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  })

  /** Runs the image with a pull secret of the sweep's template; gives up on it after 4 s. */
  async function start(image: string, secret: string): Promise<Running> {
    const launcher = new KubernetesLauncher({
      ...{ client: connect(cluster.kubeconfig), clock: { now: Date.now }, namespace },
      onTrouble: () => undefined,
    })
    const kubernetes = {
      ...{ image, gpuResource: 'nvidia.com/gpu', ttlMs: 600_000, imageTimeoutMs: 4000 },
      template: { spec: { imagePullSecrets: [{ name: secret }] } },
    }
    const spec = testSpec(folder, ['cat', '/unique'], { kubernetes })
    writeFileSync(join(spec.runFolder, 'params.json'), '{}')
    outputPath = spec.outputPath
    const launched = await launcher.launch(spec, NO_CALLS)
    if (launched.kind !== 'started') throw new Error(JSON.stringify(launched))
    return launched.running
  }

  test('are pulled by digest with the secret that the template names', async () => {
    const running = await start(registry.pinned, 'right')
    expect(await running.exited).toMatchObject({ code: 0 })
    await running.clear(0)
    expect(readFileSync(outputPath, 'utf8')).toContain(String(process.pid))
    expect(registry.users).toContain(USER)
  })

  test('a secret with a wrong password makes the attempt fail with the image and what the registry said', async () => {
    const running = await start(registry.image, 'wrong')
    const { failure } = await running.exited
    await running.clear(0)
    expect(failure?.cause).toBe('bad-command')
    expect(failure?.message).toContain(`The image ${registry.image} can't be had`)
    expect(failure?.message).toMatch(/unauthorized|no basic auth credentials/)
  })
})
