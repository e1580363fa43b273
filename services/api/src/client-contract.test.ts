import { type Client, createClient } from '@sweep/client/client'
import { SweepId } from '@sweep/spec/ids'
import {
  AgentList,
  FactPage,
  Health,
  Leaderboard,
  LogPage,
  MetricsReply,
  SweepCreated,
  SweepDetail,
  SweepList,
  SweepValidated,
  SweepView,
  TokenCreated,
  TokenList,
  TrialDetail,
  TrialEnvironment,
  TrialList,
  TrialView,
  WhoAmI,
} from '@sweep/spec/wire/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOM, registerTestAgent, SWEEP_YAML, type TestApi, TestController, testApi } from './testing/test-api.ts'

let api: TestApi
let client: Client
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: `${api.api.url}/`, token: api.tokens.admin })
  const created = await client.createSweep({ source: SWEEP_YAML, workdir: '/tmp/digits' })
  SweepCreated.parse(created)
  sweepId = created.sweep.id
  await new TestController(api).issue(sweepId, 5)
  const agent = await registerTestAgent(api)
  const claimed = await api.call('POST', `/agents/${agent.id}/claim`, {
    token: agent.token,
    body: { room: { ...ROOM, slots: 4 }, max: 4, waitMs: 10_000 },
  })
  const { assignments } = claimed.body as { assignments: { attemptId: string; epoch: number; trial: number }[] }
  const values: Record<number, (number | string)[]> = { 1: [0.5, 0.3], 2: ['NaN'], 3: [0.2], 4: ['-Infinity', 0.4] }
  const attempts = assignments.map(({ attemptId, epoch, trial }) => {
    const list = values[trial] ?? []
    const points = list.map((loss, i) => ({ step: i + 1, at: 1, values: { loss, '<b>': 1 } }))
    const batches = [{ source: 'metrics', from: 0, to: 10 * list.length, points }]
    const end = { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds: 2 }
    const log = { offset: 0, text: `\u001b[31mred\u001b[0m </script> trial ${trial}\n` }
    return { attemptId, epoch, batches, log, ...(trial < 4 ? { ended: end } : {}) }
  })
  const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body: { attempts } })
  expect(reply.status).toBe(200)
})
afterAll(() => api.close())

describe('what the client gets has the shape that the schemas say', () => {
  test('sweeps', async () => {
    SweepList.parse(await client.listSweeps())
    expect((await client.listSweeps({ name: 'nobody has this' })).sweeps).toEqual([])
    const detail = SweepDetail.parse(await client.getSweep(sweepId))
    expect(detail).toMatchObject({ name: 'test', source: SWEEP_YAML, workdir: '/tmp/digits', best: { trial: 3 } })
    const validated = await client.validateSweep({ source: `${SWEEP_YAML}unknown_key: 1\n` })
    expect(
      SweepValidated.parse(validated)
        .warnings.map((one) => one.message)
        .join(),
    ).toContain('unknown_key')
  })

  test('a sweep that starts from an earlier one has its results', async () => {
    const warm = (ids: string[], more = '') => ({
      source: `${SWEEP_YAML}${more}\nwarm_start: {sweeps: [${ids.join(', ')}], results: [{lr: 0.5, loss: 9}]}\n`,
      workdir: '/tmp/digits',
    })
    const { sweep } = SweepCreated.parse(await client.createSweep(warm([sweepId])))
    const { document } = await client.getSweep(sweep.id)
    const lrOf = async (trial: number): Promise<unknown> => (await client.getTrial(sweepId, trial)).config['lr']
    expect(document.warmStart?.results).toEqual([
      { config: { lr: 0.5 }, value: 9 },
      { config: expect.objectContaining({ lr: await lrOf(3) }), value: 0.2 },
      { config: expect.objectContaining({ lr: await lrOf(1) }), value: 0.3 },
    ])
    await expect(client.createSweep(warm(['nowhere']))).rejects.toMatchObject({ code: 'not-found' })
    const other = await client.createSweep({
      source: SWEEP_YAML.replace(/loss/g, 'error_rate'),
      workdir: '/tmp/digits',
    })
    await expect(client.createSweep(warm([other.sweep.id]))).rejects.toMatchObject({ code: 'invalid-document' })
  })

  test('a sweep may bring its id and its first configs; a second one of that id is refused', async () => {
    const source = 'parameters: {lr: {min: 0.0, max: 1.0}, kind: {values: [a, b]}}\ncommand: [true]\nmethod: random\n'
    const body = { id: '0wn1d00000', source, workdir: '/', configs: [{ lr: 0.5, kind: 'b' }] } as const
    const given = { ...body, id: SweepId.parse(body.id), configs: [...body.configs] }
    expect((await client.createSweep(given)).sweep).toMatchObject({ id: given.id, trials: { queued: 1 } })
    expect(await client.getTrial(given.id, 1)).toMatchObject({ config: { lr: 0.5, kind: 'b' }, source: 'user' })
    await expect(client.createSweep(given)).rejects.toMatchObject({ code: 'conflict' })
    const wrong = (configs: { lr: number | string; kind: string }[], cap = '') =>
      client.createSweep({ ...given, id: undefined, source: source + cap, configs })
    const [half, quarter] = [
      { lr: 0.5, kind: 'b' },
      { lr: 0.25, kind: 'b' },
    ]
    for (const [call, message] of [
      [() => wrong([half, { lr: 'much', kind: 'a' }]), /^configs\[1\]: .*lr/],
      [() => wrong([half, quarter, half]), /^configs\[2\] is the same config as configs\[0\]/],
      [() => wrong([half, quarter], 'run_cap: 1\n'), /^configs\[1\] is more than the budget/],
    ] as const) {
      await expect(call()).rejects.toMatchObject({ code: 'invalid-request', message: expect.stringMatching(message) })
    }
  })

  test('the leaderboard: best first, then what never had a finite value', async () => {
    const board = Leaderboard.parse(await client.leaderboard(sweepId))
    const shown = board.rows.map((row) => [row.number, row.rank, row.state])
    expect(shown.slice(0, 3).map(([number]) => number)).toEqual([3, 1, 4])
    expect(board.rows.slice(0, 3).map((row) => row.rank)).toEqual([1, 2, 3])
    expect(board.rows.slice(3).map((row) => row.rank)).toEqual([null, null])
    const pages: number[] = []
    let after: string | undefined
    do {
      const page = await client.leaderboard(sweepId, { limit: 2, after })
      pages.push(...page.rows.map((row) => row.number))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(pages).toEqual(board.rows.map((row) => row.number))
    const completed = await client.leaderboard(sweepId, { states: ['completed', 'running'] })
    expect(completed.rows.map((row) => row.number)).toEqual([3, 1, 4])
  })

  test('trials, their metrics and their output', async () => {
    const list = TrialList.parse(await client.listTrials(sweepId, { limit: 2 }))
    expect(list.trials.map((trial) => trial.number)).toEqual([1, 2])
    const rest = await client.listTrials(sweepId, { after: list.next ?? '' })
    expect(rest.trials.map((trial) => trial.number)).toEqual([3, 4, 5])
    const trial = TrialDetail.parse(await client.getTrial(sweepId, 1))
    expect(trial).toMatchObject({ state: 'completed', value: 0.3, metricNames: ['<b>', 'loss'] })
    expect(await client.getTrial(sweepId, 2)).toMatchObject({ state: 'failed', cause: 'nan', lastValue: Number.NaN })
    const metrics = MetricsReply.parse(await client.trialMetrics(sweepId, 4, { names: ['loss'] }))
    expect(metrics.series).toEqual([{ name: 'loss', steps: [1, 2], values: [Number.NEGATIVE_INFINITY, 0.4] }])
    const { attempt, environment } = TrialEnvironment.parse(await client.trialEnvironment(sweepId, 1))
    expect({ attempt, environment }).toEqual({ attempt: 1, environment: trial.attemptList[0]?.environment })
    const log = LogPage.parse(await client.trialLog(sweepId, 1))
    expect(log).toMatchObject({ offset: 0, done: true, text: '\u001b[31mred\u001b[0m </script> trial 1\n' })
    const followed: string[] = []
    for await (const page of client.followLog(sweepId, 1)) followed.push(page.text)
    expect(followed.join('')).toBe(log.text)
    const plain = await api.call('GET', `/sweeps/${sweepId}/trials/1/logs`, {
      token: api.tokens.viewer,
      headers: { accept: 'text/plain' },
    })
    expect([plain.text, plain.headers['content-type']]).toEqual([log.text, 'text/plain; charset=utf-8'])
  })

  test('facts, agents, tokens and health', async () => {
    const page = FactPage.parse(await client.listFacts(sweepId, { limit: 3 }))
    expect(page.facts.map((fact) => fact.seq)).toEqual([1, 2, 3])
    expect((await client.listFacts(sweepId, { after: page.next, limit: 1 })).facts[0]?.seq).toBe(4)
    AgentList.parse(await client.listAgents())
    const token = TokenCreated.parse(await client.createToken({ kind: 'user', name: 'x', role: 'viewer' }))
    TokenList.parse(await client.listTokens())
    await client.revokeToken(token.id)
    Health.parse(await client.health())
    WhoAmI.parse(await client.whoami())
  })
})

describe('what people change', () => {
  test('limits of a sweep', async () => {
    const changed = SweepView.parse(await client.changeSweep(sweepId, { parallelism: 3, budget: { trials: 50 } }))
    expect(changed).toMatchObject({ parallelism: 3, budget: { trials: 50 } })
    expect(await client.changeSweep(sweepId, { parallelism: null })).toMatchObject({ parallelism: null })
    for (const wrong of [
      { parallelism: 0 },
      { parallelism: 1.5 },
      { priority: -1 },
      { budget: { trials: -1 } },
      { x: 1 },
    ]) {
      await expect(client.changeSweep(sweepId, wrong as never)).rejects.toMatchObject({ code: 'invalid-request' })
    }
  })

  test('a config of their own, once', async () => {
    const config = { lr: 0.25, optimizer: 'adam' }
    const trial = TrialView.parse(await client.enqueueTrial(sweepId, { config }))
    expect(trial).toMatchObject({ state: 'queued', source: 'user', config })
    await expect(client.enqueueTrial(sweepId, { config })).rejects.toMatchObject({
      code: 'conflict',
      details: { trial: trial.number },
    })
    expect((await client.enqueueTrial(sweepId, { config, repeat: true })).number).toBe(trial.number + 1)
    expect(await client.controlTrial(sweepId, trial.number, 'cancel')).toMatchObject({ state: 'cancelled' })
    expect(await client.controlTrial(sweepId, trial.number, 'retry')).toMatchObject({ state: 'queued' })
    await expect(client.controlTrial(sweepId, 3, 'stop')).rejects.toMatchObject({ code: 'conflict' })
    await expect(client.controlTrial(sweepId, 3, 'retry')).rejects.toMatchObject({ code: 'conflict' })
  })

  test.each([
    [{ lr: 0.5 }, 'optimizer'],
    [{ lr: 'high', optimizer: 'sgd' }, 'lr'],
    [{ lr: 0.5, optimizer: 'sgd', momentun: 1 }, 'momentun'],
  ])('a config that can not run is refused: %j', async (config, name) => {
    await expect(client.enqueueTrial(sweepId, { config: config as never })).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining(name),
    })
  })

  test('the state of a sweep, as far as it allows', async () => {
    const { sweep } = await client.createSweep({ source: SWEEP_YAML, workdir: '/tmp' })
    expect(await client.controlSweep(sweep.id, 'pause')).toMatchObject({ state: 'paused' })
    expect(await client.controlSweep(sweep.id, 'resume')).toMatchObject({ state: 'running' })
    expect(await client.controlSweep(sweep.id, 'stop')).toMatchObject({ state: 'stopping' })
    await expect(client.controlSweep(sweep.id, 'pause')).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('errors', () => {
  test('of a sweep file carry their positions', async () => {
    const source = 'method: random\nparameters:\n  lr: {min: 3, max: 1}\ncommand: [x]\n'
    await expect(client.createSweep({ source, file: 'my.yaml', workdir: '/' })).rejects.toMatchObject({
      code: 'invalid-document',
      message: expect.stringMatching(/^my\.yaml:3:/),
      details: { diagnostics: expect.arrayContaining([expect.objectContaining({ line: 3 })]) },
    })
  })

  test('of things that are not there are not-found', async () => {
    for (const call of [
      () => client.getSweep('0000000000'),
      () => client.leaderboard('0000000000'),
      () => client.listTrials('0000000000'),
      () => client.getTrial(sweepId, 999),
      () => client.trialLog(sweepId, 1, { attempt: 9 }),
      () => client.trialEnvironment(sweepId, 1, 9),
      () => client.trialEnvironment(sweepId, 999),
      () => client.getObject('a'.repeat(64)),
      () => client.controlTrial(sweepId, 999, 'stop'),
      () => client.controlTrial(sweepId, 999, 'retry'),
      () => client.controlSweep('0000000000', 'pause'),
      () => client.changeSweep('0000000000', { parallelism: 1 }),
      () => client.enqueueTrial('0000000000', { config: {} }),
      () => client.drainAgent('0000000000'),
      () => client.listFacts('0000000000'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'not-found' })
    }
  })

  test.each([
    '?state=done',
    '?state=id;%20drop%20table',
    '?limit=0',
    '?limit=100000',
    '?sort=best%20desc--',
    '?after=xyz',
    '?after=%27%3B%20drop',
    `?after=${Buffer.from('{"x":1}').toString('base64url')}`,
  ])('of lists: %s is 400', async (query) => {
    for (const list of ['leaderboard', 'trials']) {
      const reply = await api.call('GET', `/sweeps/${sweepId}/${list}${query}`, { token: api.tokens.viewer })
      expect([list, reply.status]).toEqual([list, 400])
    }
  })
})

test('watching replays what happened and goes on live, through a break of the connection', async () => {
  const seen: number[] = []
  let broken = 0
  const flaky = createClient({
    url: api.api.url,
    token: api.tokens.viewer,
    fetch: async (url, init) => {
      const response = await fetch(url, init)
      if (!url.includes('/events') || broken >= 2 || response.body === null) return response
      broken += 1
      // The first two connections break after their first piece.
      const reader = response.body.getReader()
      const first = await reader.read()
      await reader.cancel()
      const body = new ReadableStream({
        start(controller) {
          if (first.value !== undefined) controller.enqueue(first.value)
          controller.error(new Error('connection lost'))
        },
      })
      return new Response(body, { headers: response.headers })
    },
  })
  const last = (await client.listFacts(sweepId, { limit: 10_000 })).next
  for await (const event of flaky.watchSweep(sweepId)) {
    if (event.type === 'fact') seen.push(event.fact.seq)
    if (seen.length === last) await client.controlSweep(sweepId, 'pause')
    if (seen.length > last) break
  }
  expect(broken).toBe(2)
  expect(seen).toEqual(Array.from({ length: last + 1 }, (_, i) => i + 1))
})
