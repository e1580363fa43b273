import { ProjectSettings } from '@sweep/spec/wire/tracking/projects'
import type { RetentionView } from '@sweep/spec/wire/tracking/retention'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const AT = '2026-01-01T00:00:00.000Z'
const SETTINGS = ProjectSettings.parse({ archive: { afterDays: 30, keepBest: 2 }, metrics: { loss: { digits: 3 } } })
const PROJECT = {
  ...{ id: 7, name: 'vision', description: '', owner: null, team: null, tags: {}, settings: SETTINGS },
  ...{ experiments: 3, createdAt: AT },
}
const PLAN: RetentionView = {
  policy: SETTINGS,
  due: { archivedRuns: 1, thinnedRuns: 0, purgedRuns: 0 },
  steps: [
    {
      ...({
        action: 'archive',
        runId: 'abc0000001',
        name: 'a\u001b[31m',
        experiment: 'e',
        since: AT,
        points: 12,
      } as const),
    } as RetentionView['steps'][number],
  ],
  unjudged: [],
  isAsked: false,
  rounds: [],
}
const ROUND = {
  ...{ archivedRuns: 1, thinnedRuns: 0, purgedRuns: 0, startedAt: AT, endedAt: AT },
  ...{ pointsBefore: 0, pointsAfter: 0, purgedFiles: 0, purgedBytes: 0 },
}

async function run(argv: readonly string[], routes: Readonly<Record<string, Route>> = {}) {
  const server = await startFakeServer({
    'GET /projects': ({ path }) => ({ projects: path.includes('name=gone') ? [] : [PROJECT], next: null }),
    'PATCH /projects/7': ({ body }) => ({ ...PROJECT, settings: (body as { settings: unknown }).settings }),
    'GET /projects/7/retention': () => PLAN,
    ...routes,
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(['project', ...argv], { env, terminal: { columns: 120, rows: 24 } })
  return { ...done, calls: server.calls }
}

test('policy shows what is set, and a change sends it with all other settings of the project', async () => {
  const shown = await run(['policy', 'vision'])
  expect(shown.stdout).toContain('30 days')
  expect(shown.calls.every(({ method }) => method === 'GET')).toBe(true)
  const { calls, code } = await run([
    'policy',
    'vision',
    '--archive-after',
    'never',
    '--whole-for',
    '90',
    '--buckets',
    '100',
    '--max',
    'acc',
  ])
  expect(code).toBe(0)
  expect(calls.at(-1)?.body).toEqual({
    settings: {
      ...SETTINGS,
      archive: { keepBest: 2, keepRecent: 0 },
      points: { wholeDays: 90, buckets: 100, keepBest: 10 },
      experiment: { metric: { name: 'acc', goal: 'maximize' } },
    },
  })
})

test('a policy that makes no sense is refused before anything is sent', async () => {
  for (const argv of [
    ['--archive-after', '0'],
    ['--whole-for', 'soon'],
    ['--buckets', '1'],
    ['--keep-best', '-1'],
  ]) {
    const { code, calls } = await run(['policy', 'vision', ...argv])
    expect(code).toBe(2)
    expect(calls.some(({ method }) => method === 'PATCH')).toBe(false)
  }
})

test('retention lists what would be done and does nothing, with --dry-run and without', async () => {
  for (const flags of [[], ['--dry-run']]) {
    const { stdout, stderr, calls } = await run(['retention', 'vision', ...flags])
    expect(stdout).toContain('archive')
    expect(stdout).toContain('abc0000001')
    expect(stdout).not.toContain('\u001b[31m')
    expect(stderr).toContain('1 to archive, 0 to thin out, 0 to purge')
    expect(calls.some(({ method }) => method === 'POST')).toBe(false)
  }
  expect((await run(['retention', 'vision', '--dry-run', '--apply'])).code).toBe(2)
})

test('retention --apply asks first, waits until it is done, and says what was', async () => {
  const refused = await run(['retention', 'vision', '--apply'])
  expect(refused.code).not.toBe(0)
  expect(refused.calls.some(({ method }) => method === 'POST')).toBe(false)
  let looks = 0
  const { stdout, code } = await run(['retention', 'vision', '--apply', '--yes', '--json'], {
    'POST /projects/7/retention': () => ({ ...PLAN, isAsked: true }),
    'GET /projects/7/retention': () => {
      looks += 1
      return looks < 3 ? { ...PLAN, isAsked: looks > 1 } : { ...PLAN, rounds: [ROUND] }
    },
  })
  expect(code).toBe(0)
  expect(looks).toBe(3)
  expect(JSON.parse(stdout)).toEqual([ROUND])
})

test('a project that is not there is named with those there are', async () => {
  const { code, stderr } = await run(['retention', 'gone'])
  expect(code).toBe(3)
  expect(stderr).toContain('There are: vision')
})
