import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCluster, TestCluster, WITHOUT_CLUSTER } from '../support/cluster.ts'
import { docker } from '../support/docker.ts'
import { ROOT } from '../support/server.ts'

const run = promisify(execFile)
/** As test/support/deployment has it. */
const NAMESPACE = 'sweep-deployed'
const IMAGE = 'sweep-test/sweep:1'
/** No DNS there: the addresses of its services. */
const ADDRESSES = { 'sweep-api': '10.96.46.1', 'sweep-postgres': '10.96.46.2', 'sweep-redis': '10.96.46.3' }

/** What an agent says that takes its tickets from Redis. */
const BY_QUEUE = 'claiming from the queue'

const isAsked = process.env['SWEEP_TEST_DEPLOYMENT'] === '1'
const enabled = isAsked && hasCluster()
const WHY_NOT = isAsked
  ? WITHOUT_CLUSTER
  : 'skipped: set SWEEP_TEST_DEPLOYMENT=1, which builds the image of the services'

let cluster: TestCluster
let folder: string
const kubectl = (...args: string[]) => cluster.kubectl('-n', NAMESPACE, ...args)

/** The namespace and the Secret as the README makes them. */
function secret(): string {
  const script = join(ROOT, 'deploy/kubernetes/make-secret.sh')
  const made = execFileSync(script, { encoding: 'utf8', env: { ...process.env, NAMESPACE } })
  return Object.entries(ADDRESSES).reduce((text, [name, address]) => text.replaceAll(`${name}:`, `${address}:`), made)
}

async function logsOf(component: string): Promise<string> {
  return kubectl('logs', '-l', `app.kubernetes.io/component=${component}`, '--tail=20').catch(String)
}

describe.skipIf(!enabled)(enabled ? 'deploy/kubernetes on the test cluster' : WHY_NOT, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sweep-deployed-'))
    await run(join(ROOT, 'test/support/images/make-service-images.sh'))
    const build = ['build', '-q', '-f', join(ROOT, 'deploy/docker/Dockerfile'), '-t', IMAGE, ROOT]
    await run('docker', build, { env: { ...process.env, DOCKER_BUILDKIT: '0' } })
    cluster = await TestCluster.take(NAMESPACE)
  }, 900_000)
  afterAll(async () => {
    if (cluster !== undefined) await kubectl('delete', 'sweeps,experiments', '--all', '--timeout=60s').catch(() => '')
    await cluster?.release()
    if (folder !== undefined) await rm(folder, { recursive: true })
  }, 120_000)

  test('everything comes up as pods, and a Sweep that is applied completes', async () => {
    const manifest = join(folder, 'secret.yaml')
    writeFileSync(manifest, secret())
    await cluster.kubectl('apply', '-f', manifest)
    await cluster.kubectl('apply', '-k', join(ROOT, 'deploy/kubernetes/crd'))
    await cluster.kubectl('apply', '-k', join(ROOT, 'test/support/deployment'))
    for (const name of ['api', 'controller', 'agent', 'operator']) {
      await kubectl('rollout', 'status', `deployment/sweep-${name}`, '--timeout=180s').catch(async (cause) => {
        throw new Error(`${await kubectl('get', 'pods', '-o', 'wide')}\n${await logsOf(name)}`, { cause })
      })
    }

    // Who is in the cluster does not get into Redis by that, while agents do, each as a user of its own.
    const redis = (...words: string[]) => kubectl('exec', 'deployment/sweep-redis', '--', ...words)
    expect(await redis('env', '-u', 'REDISCLI_AUTH', 'redis-cli', 'get', 'x')).toContain('NOAUTH')
    await expect.poll(() => kubectl('logs', 'deployment/sweep-agent'), { timeout: 30_000 }).toContain(BY_QUEUE)
    expect(await redis('redis-cli', 'acl', 'users')).toMatch(/^sweep-agent-/m)

    // The example as it stands, with an image that is here, and fewer and shorter trials.
    const example = readFileSync(join(ROOT, 'sweeps/digits/sweep-resource.yaml'), 'utf8')
    const shorter = example
      .replace('image: sweep\n', `image: ${IMAGE}\n`)
      .replace('run_cap: 30', 'run_cap: 6')
      .replace('max_resource: 9', 'max_resource: 3')
      .replace('value: 9', 'value: 3')
    const file = join(folder, 'digits.yaml')
    writeFileSync(file, shorter)
    await kubectl('apply', '-f', file)
    await kubectl('wait', '--for=condition=Complete', 'sweep/digits', '--timeout=240s').catch(async (cause) => {
      const seen = await kubectl('get', 'sweeps,jobs,pods', '-o', 'wide')
      throw new Error(`${seen}\n${await logsOf('operator')}\n${await logsOf('agent')}`, { cause })
    })
    const { status } = JSON.parse(await kubectl('get', 'sweep/digits', '-o', 'json'))
    expect(status).toMatchObject({ phase: 'Completed', progress: '6/6', trials: { failed: 0, cancelled: 0 } })
    expect(status.best.value).toBeGreaterThan(0.3)
    await expect.poll(() => kubectl('get', 'jobs', '-o', 'name'), { timeout: 60_000 }).toBe('')
    await kubectl('delete', 'sweep/digits', '--timeout=30s')
    expect(await kubectl('get', 'sweeps', '-o', 'name')).toBe('')
  }, 600_000)

  test('the operator may do what it needs there, and no more', async () => {
    const can = async (verb: string, resource: string, namespace = NAMESPACE) => {
      const account = `--as=system:serviceaccount:${NAMESPACE}:sweep-operator`
      const answer = await cluster.kubectl('-n', namespace, 'auth', 'can-i', verb, resource, account).catch(() => 'no')
      return answer.trim()
    }
    expect(await can('patch', 'sweeps.ai.platform.io/status')).toBe('yes')
    const beyond = [
      'create pods',
      'get secrets',
      'list secrets',
      'delete jobs',
      'create jobs',
      'delete sweeps.ai.platform.io',
    ]
    for (const words of beyond) {
      const [verb = '', resource = ''] = words.split(' ')
      expect([words, await can(verb, resource)]).toEqual([words, 'no'])
    }
    expect(await can('list', 'sweeps.ai.platform.io', 'default')).toBe('no')
  }, 60_000)

  test('the image holds what the entry points name', () => {
    expect(docker('run', '--rm', '--entrypoint', 'which', IMAGE, 'sweep-operator')).toBe(
      '/usr/local/bin/sweep-operator',
    )
  }, 60_000)
})
