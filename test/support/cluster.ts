import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hasDocker } from './docker.ts'

const run = promisify(execFile)
const SCRIPT =
  process.env['SWEEP_TEST_CLUSTER'] ?? fileURLToPath(new URL('../../../shared/k8s/cluster', import.meta.url))
const FOLDER = '/var/tmp/k8s-test'
const LOCK = join(tmpdir(), 'sweep-test-cluster.lock')

export const WITHOUT_CLUSTER =
  'skipped without a test cluster: SWEEP_TEST_CLUSTER=<its script>; apt-get install docker.io etcd-server busybox-static'

/** How long a file may wait for its turn at the cluster: as long as the others last together. */
export const TURN_MS = 900_000

/**
 * Whether the test cluster can be started here. CI sets SWEEP_REQUIRE_ALL so that what it lacks is a failure, where there
 * is a cluster to start.
 */
export function hasCluster(): boolean {
  if (!existsSync(SCRIPT)) return false
  const isThere = process.getuid?.() === 0 && hasCommand('etcd') && hasDocker()
  if (!isThere && process.env['SWEEP_REQUIRE_ALL'] === '1') throw new Error(WITHOUT_CLUSTER)
  return isThere
}

function hasCommand(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The one-node test cluster, to oneself until `release`: its faults would be those of other tests as well. */
export class TestCluster {
  readonly kubeconfig = join(FOLDER, 'admin.kubeconfig')
  /** A namespace of one's own. */
  readonly namespace: string

  private constructor(namespace: string) {
    this.namespace = namespace
  }

  static async take(namespace: string): Promise<TestCluster> {
    while (!takeLock()) await sleep(200)
    await pauseImage()
    const cluster = new TestCluster(namespace)
    await cluster.control('up')
    // What an earlier test left of it goes first.
    await cluster.kubectl('delete', 'namespace', namespace, '--ignore-not-found')
    await cluster.kubectl('create', 'namespace', namespace)
    // Made a moment later; a Job that is faster tries again only after ten seconds.
    while ((await cluster.names('serviceaccounts')).length === 0) await sleep(200)
    return cluster
  }

  async release(): Promise<void> {
    try {
      await this.kubectl('delete', 'namespace', this.namespace, '--wait=false')
    } finally {
      rmSync(LOCK, { force: true })
    }
  }

  /** The address of this machine as pods reach it: where the API server listens. */
  get hostAddress(): string {
    const [, server = ''] = /server: *"?([^"\s,]+)/.exec(readFileSync(this.kubeconfig, 'utf8')) ?? []
    return new URL(server).hostname
  }

  /** `up`, `kubelet-stop`, `kubelet-start`. */
  async control(command: string): Promise<void> {
    await run(SCRIPT, [command], { timeout: 120_000 })
  }

  async restartApiServer(): Promise<void> {
    const file = join(FOLDER, 'kube-apiserver.pid')
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
    // A dead process that nobody has reaped still counts as living to the script.
    rmSync(file)
    await this.control('up')
  }

  async kubectl(...args: string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig }
    const { stdout } = await run(join(FOLDER, 'bin/kubectl'), args, { env, maxBuffer: 64 * 1024 * 1024 })
    return stdout
  }

  /** Names of what there is of some kinds in the namespace. */
  async names(kinds: string, ...args: string[]): Promise<string[]> {
    const text = await this.kubectl('-n', this.namespace, 'get', kinds, '-o', 'name', ...args)
    return text.split('\n').filter((name) => name !== '' && !name.startsWith('secret/default-token'))
  }
}

/**
 * The first container of every pod. The one that the script would make ignores SIGTERM, and a pod takes 20 seconds
 * longer to go than on any real cluster.
 */
async function pauseImage(): Promise<void> {
  const isThere = await run('docker', ['image', 'inspect', 'pause:test']).then(
    () => true,
    () => false,
  )
  if (isThere) return
  // Without a `$`: builders disagree on whether one must be escaped, and what they can't read becomes a shell's command.
  const entry = ['/bin/sh', '-c', 'trap exit TERM; while :; do sleep 1000 & wait; done']
  const busybox = 'cp "$(command -v busybox)" bin/busybox; ln -s busybox bin/sh; ln -s busybox bin/sleep'
  const make = `cd "$(mktemp -d)"; mkdir bin; ${busybox}; tar -c . | docker import -c "ENTRYPOINT $0" - pause:test`
  await run('sh', ['-c', make, JSON.stringify(entry)])
}

function takeLock(): boolean {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    try {
      process.kill(Number(readFileSync(LOCK, 'utf8')), 0)
    } catch {
      rmSync(LOCK, { force: true })
    }
    return false
  }
}
