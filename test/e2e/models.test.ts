import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import type { ModelVersionView } from '@sweep/spec/wire/tracking/models'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweep, TestServer, waitFor } from '../support/server.ts'
import { createSweep, finished } from '../support/sweeps.ts'

const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0
if (!HAS_PYTHON && process.env['SWEEP_REQUIRE_ALL'] === '1') {
  throw new Error('python3 is missing: apt-get install python3')
}

let server: TestServer
let folder: string
beforeAll(async () => {
  server = await TestServer.start({ slots: 1 })
  folder = await mkdtemp(join(tmpdir(), 'sweep-models-'))
})
afterAll(async () => {
  await server.remove()
  await rm(folder, { recursive: true, force: true })
})

const PROGRAM = `
import sweep
p = sweep.params(x=0.5)
with sweep.start_run(params={"data": {"version": "v3"}}) as run:
    run.log_metrics({"acc": p.x}, 1)
    save = lambda model, folder: open(folder + "/w", "w").write("weights of %s" % p.x)
    run.log_model(object(), "net", saver=save, registered_model_name="digits", signature={"inputs": ["x"]})
`

test.skipIf(!HAS_PYTHON)(
  'what trials register is promoted past gates, refused and rolled back from the command line',
  async () => {
    const program = join(folder, 'train.py')
    await writeFile(program, PROGRAM)
    const id = await createSweep(
      server,
      `name: models\nmethod: grid\nmetric: {name: acc, goal: maximize}\nparameters: {x: {values: [0.9, 0.95, 0.5]}}\ncommand: [python3, ${program}]\n`,
    )
    expect(await finished(server, id)).toMatchObject({ state: 'completed' })
    const env = await server.environment()
    const model = async (...args: string[]) => sweep(['model', ...args], { env, cwd: folder })
    const shown = JSON.parse((await model('get', 'digits', '--json')).stdout) as { versionList: ModelVersionView[] }
    const byRun = new Map(shown.versionList.map((version) => [version.runId as string, version]))
    const [good, better, bad] = [1, 2, 3].map((trial) => byRun.get(`${id}-${trial}`))
    expect(good).toMatchObject({
      ...{ stage: 'dev', path: 'models/net', signature: { inputs: ['x'] } },
      origin: { isFinal: true, metrics: { acc: { last: 0.9 } }, config: { x: 0.9 }, dataVersion: 'v3' },
    })
    const at = (version: ModelVersionView | undefined) => `digits@${version?.version}`

    expect(
      (await model('gate', 'digits', 'production', '--min', 'acc=0.8', '--better', 'acc', '--completed')).status,
    ).toBe(0)
    expect((await model('promote', at(good), 'production')).status).toBe(0)
    const refused = await model('promote', at(bad), 'production')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('acc is 0.5, and must be >= 0.8')
    expect(refused.stderr).toContain('in production has 0.9')
    expect((await model('get', 'digits@production', '-o', 'name')).stdout.trim()).toBe(at(good))
    expect((await model('promote', at(better), 'production', '--reason', 'better')).status).toBe(0)
    expect((await model('promote', at(bad), 'production', '--force', '--reason', 'a demo')).status).toBe(0)
    expect((await model('rollback', 'digits', '--reason', 'it was one')).status).toBe(0)
    expect((await model('get', 'digits@production', '-o', 'name')).stdout.trim()).toBe(at(better))
    expect((await model('files', 'digits@production', '--download', 'out')).status).toBe(0)
    expect(await readFile(join(folder, 'out', 'w'), 'utf8')).toBe('weights of 0.95')
    const told = JSON.parse((await model('history', 'digits', '--json')).stdout) as { kind: string; reason: string }[]
    expect(told.filter(({ kind }) => kind !== 'registered').map(({ kind, reason }) => [kind, reason])).toEqual([
      ...[
        ['rolled-back', 'it was one'],
        ['replaced', `by version ${better?.version}`],
        ['promoted', 'a demo'],
      ],
      ...[
        ['replaced', `by version ${bad?.version}`],
        ['promoted', 'better'],
        ['replaced', `by version ${better?.version}`],
      ],
      ...[
        ['refused', ''],
        ['promoted', ''],
      ],
    ])
  },
)

test('however often the server dies while many promote, exactly one version is in production, and the history agrees', async () => {
  const own = await TestServer.start({ agent: false })
  try {
    const client = createClient({ url: own.url, token: await own.token() })
    const count = 12
    for (let n = 0; n < count; n += 1) {
      const { id } = await client.tracking.createRun({})
      const bytes = async function* () {
        yield Buffer.from(`weights ${n}`)
      }
      await client.tracking.uploadArtifact(id, 'models/net', bytes(), { type: 'model' })
      await client.models.register(id, { name: 'raced' as never })
    }
    let answered = 0
    const promoter = async (n: number) => {
      for (let turn = 0; turn < 5; ) {
        try {
          // A version that another has replaced meanwhile comes back from the archive.
          await client.models.move('raced', String(n + 1), { stage: 'production' })
          turn += 1
          answered += 1
        } catch (error) {
          if (!(error instanceof SweepError) || !error.retryable) throw error
          await sleep(50)
        }
      }
    }
    const faults = async () => {
      for (const share of [0.3, 0.6]) {
        await waitFor(() => answered >= count * 5 * share)
        await own.kill()
        await own.start()
      }
    }
    await Promise.all([...Array.from({ length: count }, (_, n) => promoter(n)), faults()])
    const { versions } = await client.models.versions('raced')
    const inProduction = versions.filter(({ stage }) => stage === 'production').map(({ version }) => version)
    const { history } = await client.models.history('raced', { limit: 1000 })
    const promoted = history.filter(({ kind }) => kind === 'promoted')
    expect(inProduction).toEqual([promoted[0]?.version])
    // Each promotion but the first has replaced one.
    expect(history.filter(({ kind }) => kind === 'replaced')).toHaveLength(promoted.length - 1)
  } finally {
    await own.remove()
  }
})
