import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../support/server.ts'
import { trialProcesses } from '../support/sweeps.ts'

const run = promisify(execFile)

let folder: string
/** Ends what the package has started, also after a failure. */
let stopServer: (() => Promise<unknown>) | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-package-'))
  await chmod(folder, 0o755)
})
afterAll(async () => {
  await stopServer?.().catch(() => undefined)
  await rm(folder, { recursive: true, force: true })
})

test('the packed package, installed without install scripts into an empty prefix, runs a sweep', async () => {
  await run('npm', ['pack', '--pack-destination', folder, '--ignore-scripts'], { cwd: ROOT })
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  expect(tarball).toBeDefined()
  const prefix = join(folder, 'app')
  await run(
    'npm',
    ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball ?? '')],
    {
      cwd: folder,
    },
  )
  await writeFile(join(folder, 'train.sh'), 'echo "epoch=1 loss=$1"\n')
  const home = join(folder, 'home')
  const sweep = join(prefix, 'node_modules', '.bin', 'sweep')
  const env = { PATH: process.env['PATH'], HOME: folder, SWEEP_HOME: home, SWEEP_PORT: '0', SWEEP_GRPC_PORT: '0' }
  stopServer = () => run(sweep, ['server', 'stop'], { env })
  const args = ['run', '-p', 'x=0.5..1.5', '--min', 'loss', '-n', '4', '--json', '--', '/bin/sh', 'train.sh', '{x}']
  const result = await new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(sweep, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.once('close', (status) => resolve({ status, stdout, stderr }))
  })
  expect(result.stderr).not.toContain('Error:')
  // The server's home lies in the folder, and is no code.
  expect(result.stderr).not.toContain('the snapshot lacks')
  expect(result.status, result.stderr).toBe(0)
  const best = JSON.parse(result.stdout)
  expect(JSON.stringify(best)).toContain('train.sh')

  const shipped = join(prefix, 'node_modules', '@sweep-hpo', 'sweep', 'dist', 'proto')
  const { grpc } = JSON.parse((await run(sweep, ['server', 'status', '--json'], { env })).stdout)
  const found = await runsByGrpc(shipped, grpc, (await readFile(join(home, 'token'), 'utf8')).trim())
  expect(found).toHaveLength(4)

  await stopServer()
  expect(await trialProcesses(home)).toEqual([])
}, 240_000)

/** The runs of a server, asked for with the proto file in a folder. */
async function runsByGrpc(folder: string, address: string, token: string): Promise<unknown> {
  const definition = loadSync('sweep/tracking/v1/tracking.proto', { includeDirs: [folder] })
  const service = definition['sweep.tracking.v1.TrackingService'] as ServiceDefinition
  const { path, requestSerialize, responseDeserialize } = service['SearchRuns']!
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  try {
    const reply = await new Promise<{ runs?: unknown }>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, (error, found) =>
        error === null ? resolve(found ?? {}) : reject(error),
      )
    })
    return reply.runs
  } finally {
    client.close()
  }
}
