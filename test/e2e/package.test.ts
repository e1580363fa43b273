import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
  const env = { PATH: process.env['PATH'], HOME: folder, SWEEP_HOME: home, SWEEP_PORT: '0' }
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

  await stopServer()
  expect(await trialProcesses(home)).toEqual([])
}, 240_000)
