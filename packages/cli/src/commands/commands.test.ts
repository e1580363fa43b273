import { afterEach, expect, test } from 'vitest'
import { loadCommand } from '../load-command.ts'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeRow, fakeSweep, type Route, SWEEP_ID, serveSweep } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const serve = (routes: Record<string, Route>) => serveSweep(open, routes)

const SWEEP = `GET /sweeps/${SWEEP_ID}`

const TERMINAL = { columns: 80, rows: 24 }

test('ls prints a table for people, sends the token, and says nothing on stderr', async () => {
  const { server, env } = await serve({})
  const run = await runFake(['ls'], { env, terminal: TERMINAL })
  expect(run.stdout.split('\n').slice(0, 2)).toEqual([
    expect.stringContaining('ID          NAME'),
    expect.stringMatching(new RegExp(`^${SWEEP_ID} {2}digits {2}completed +3 +0 +0.125 +val_loss +1h$`)),
  ])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(server.calls[0]?.headers.authorization).toBe('Bearer secret')
})

test.each([['@last'], ['digits'], ['k3v'], [SWEEP_ID]])('a sweep is found as %s', async (name) => {
  const { env } = await serve({})
  const run = await runFake(['get', name, '--json'], { env })
  expect(JSON.parse(run.stdout)).toMatchObject({ id: SWEEP_ID })
  expect(run.code).toBe(0)
})

test('a misspelt sweep is exit 3 with what was meant', async () => {
  const { env } = await serve({})
  const run = await runFake(['get', 'digts'], { env })
  expect(run.code).toBe(3)
  expect(run.stderr).toBe('error: There is no sweep "digts".\n  Did you mean "digits"? `sweep ls` lists them.\n')
})

test('errors are one JSON object on stderr in JSON mode, and stdout stays empty', async () => {
  const { env } = await serve({})
  for (const argv of [
    ['get', 'nope', '--json'],
    ['get', 'nope', '-o', 'json'],
    ['get', 'nope', '-o', 'jsonl'],
  ]) {
    const run = await runFake(argv, { env })
    expect(run.stdout).toBe('')
    expect(JSON.parse(run.stderr)).toMatchObject({
      code: 'not-found',
      message: expect.any(String),
      hint: expect.any(String),
    })
  }
})

test.each([
  [401, 'unauthenticated', 4],
  [403, 'forbidden', 4],
  [409, 'conflict', 1],
  [503, 'unavailable', 7],
])('HTTP %i %s ends the command with %i', async (status, code, exit) => {
  const { env } = await serve({ [SWEEP]: () => [status, { code, message: 'no', hint: 'do this' }] })
  const run = await runFake(['get', SWEEP_ID], { env })
  expect(run.code).toBe(exit)
  expect(run.stderr).toBe('error: no\n  do this\n')
})

test('a server that is not there is exit 7 with the next command', async () => {
  const run = await runFake(['ls'], { env: { SWEEP_URL: 'http://127.0.0.1:1' } })
  expect(run.code).toBe(7)
  expect(run.stderr).toContain('sweep server start')
})

test.each([
  [['run', '--min', 'a', '--', 'x'], 'nothing to vary'],
  [['run', '-p', 'a=1..2', '--min', 'a'], 'no command'],
  [['run', '-p', 'a=1..2', '--min', 'a', '--max', 'b', '--', 'x'], 'exclude each other'],
  [['run', '-p', 'a=1..2', '-p', 'a=3..4', '--min', 'a', '--', 'x'], 'given twice'],
  [['run', '-p', 'a=2..1', '--min', 'a', '--', 'x'], 'not below'],
  [['run', '-p', 'a=1..2', '-n', '0', '--min', 'a', '--', 'x'], 'at least 1'],
  [['ls', '--limit', 'x'], 'whole number'],
  [['ls', '--state', 'runing'], 'no state of a sweep'],
  [['ls', '-o', 'xml'], 'no output format'],
  [['ls', '--limt', '3'], "Unknown option '--limt'"],
  [['get'], "Missing required argument 'sweep'"],
  [['lss'], 'no command "lss"'],
  [['trial'], 'needs one more word'],
  [['trial', 'lgs', 'x'], 'no command "lgs"'],
  [['logs', 'x'], 'Did you mean "trial logs"?'],
  [['completion', 'tcsh'], 'no completion for "tcsh"'],
  [['wait', 'x', '--for', 'best'], 'nothing to wait for'],
  [['wait', 'x', '--timeout', 'soon'], 'length of time'],
  [['help', 'exitcodes'], 'Did you mean "exit-codes"'],
])('%j is a usage error', async (argv, message) => {
  const run = await runFake(argv, { env: { SWEEP_URL: 'http://127.0.0.1:1' } })
  expect(run.code).toBe(2)
  expect(run.stderr).toContain(message)
  expect(run.stdout).toBe('')
})

test('no server at all is exit 7 too', async () => {
  expect((await runFake(['ls'])).code).toBe(7)
})

test('names from the server never reach the terminal raw, in any format', async () => {
  const name = 'x\u001b]0;pwned\u0007\u009b2J'
  const { env } = await serve({
    'GET /sweeps': () => ({ sweeps: [fakeSweep({ name })], next: null }),
    [SWEEP]: () => fakeSweep({ name, source: `name: ${name}`, reason: name }),
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: () => ({
      rows: [fakeRow(1, 1, { config: { [name]: name } })],
      next: null,
    }),
  })
  for (const command of [['ls'], ['get', SWEEP_ID], ['get', SWEEP_ID, '--source'], ['leaderboard', SWEEP_ID]]) {
    for (const format of ['table', 'wide', 'json', 'yaml', 'name']) {
      const run = await runFake([...command, '-o', format, '--no-color'], { env, terminal: { columns: 200, rows: 24 } })
      expect(run.code).toBe(0)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
      expect(run.stdout, `${command} ${format}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    }
  }
})

test('a server of another version is warned of', async () => {
  const { env } = await serve({
    'GET /health': () => ({ status: 'ok', version: '9.9.9', database: 'ok', migration: null }),
    'POST /sweeps': () => ({ sweep: fakeSweep(), warnings: [] }),
  })
  const stdin = 'method: random\nparameters: {lr: {min: 0.1, max: 1}}\nprogram: a.py\n'
  expect((await runFake(['create', '-'], { env, stdin })).stderr).toContain('the server is version 9.9.9')
})

test('a stack trace is shown with --debug only', async () => {
  const { env } = await serve({ [SWEEP]: () => [500, { code: 'internal', message: 'broken' }] })
  expect((await runFake(['get', SWEEP_ID], { env })).stderr).not.toContain('at ')
  expect((await runFake(['get', SWEEP_ID, '--debug'], { env })).stderr).toMatch(/\n\s+at /)
})

test('colours go to terminals only, and the environment decides', async () => {
  const { env } = await serve({})
  const hasColor = async (more: Record<string, string>, flags: string[] = [], terminal = true) =>
    (
      await runFake(['ls', ...flags], { env: { ...env, ...more }, ...(terminal ? { terminal: TERMINAL } : {}) })
    ).stdout.includes('\u001b[')
  expect(await hasColor({})).toBe(true)
  expect(await hasColor({ NO_COLOR: '1' })).toBe(false)
  expect(await hasColor({ NO_COLOR: '' })).toBe(true)
  expect(await hasColor({ TERM: 'dumb' })).toBe(false)
  expect(await hasColor({}, ['--no-color'])).toBe(false)
  expect(await hasColor({}, [], false)).toBe(false)
})

test('every command takes --json and has help', async () => {
  const { COMMANDS } = await import('../command-table.ts')
  for (const entry of COMMANDS) {
    const run = await runFake([...entry.name.split(' '), '--json', '--help'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toContain(`Usage: sweep ${entry.name}`)
    for (const line of run.stdout.split('\n'))
      expect(line.length, line).toBeLessThanOrEqual(entry.more?.includes(line) ? 100 : 80)
    expect(await loadCommand(entry.name)).toHaveProperty('run')
  }
})

test('the help of sweep itself names every command and fits 80 columns', async () => {
  const { COMMANDS } = await import('../command-table.ts')
  const run = await runFake(['--help'])
  for (const entry of COMMANDS) expect(run.stdout).toMatch(new RegExp(`\\b${entry.name.split(' ').at(-1)}\\b`))
  for (const line of run.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  expect((await runFake([])).stdout).toBe(run.stdout)
})
