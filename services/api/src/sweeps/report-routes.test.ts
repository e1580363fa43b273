import { type Client, createClient } from '@sweep/client/client'
import type { SweepId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimAndReport, type TestApi, TestController, testApi } from '../testing/test-api.ts'

const YAML = `
name: </script><b>bold
method: random
metric: {name: loss}
parameters: {lr: {min: 0.0, max: 1.0}, optimizer: {values: [sgd, adam]}}
command: [python3, train.py, "\${args}"]
`
const TRIALS = 12

let api: TestApi
let client: Client
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.viewer })
  const admin = createClient({ url: api.api.url, token: api.tokens.admin })
  sweepId = (await admin.createSweep({ source: YAML, workdir: '/tmp/<b>' })).sweep.id
  await new TestController(api).issue(sweepId, TRIALS)
  await claimAndReport(api, TRIALS, ({ trial }) => {
    const points = [1, 2, 3].map((step) => ({ step, at: 1, values: { loss: trial + 1 / step } }))
    const batches = trial === TRIALS ? [] : [{ source: 'metrics', from: 0, to: 10, points }]
    const end = { at: 1, exitCode: 0, signal: null, seconds: 2, cause: 'succeeded', message: 'ok' }
    const ended = trial === TRIALS ? { ...end, cause: 'user-error', message: 'Traceback <i>', exitCode: 1 } : end
    return { batches, ended }
  })
})
afterAll(() => api.close())

test('a viewer gets a page that no script of can run, whatever the sweep is called', async () => {
  const reply = await api.call('GET', `/sweeps/${sweepId}/report`, { token: api.tokens.viewer })
  expect(reply.status).toBe(200)
  expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(reply.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'unsafe-inline';/)
  expect(reply.text).toContain('<h1>&lt;/script&gt;&lt;b&gt;bold</h1>')
  expect(reply.text).not.toMatch(/<b>bold|<script|<i>/)
  // Read from the database: curves, causes, time, the best trial's seed.
  expect(reply.text).toContain('Learning curves of loss')
  expect(reply.text).toContain('Traceback &lt;i&gt;')
  expect(reply.text).toContain('12 attempts that have ended took 24s of trial time.')
  expect(reply.text).toMatch(/SWEEP_SEED=\d+ python3 train\.py --lr=1e-06 --optimizer=sgd/)
})

test('the page of the sweep links to both', async () => {
  const { text } = await api.call('GET', '/static/page.js')
  expect(text).toContain('const report = `${API}/sweeps/${encodeURIComponent(sweep.id)}/report`')
  const formats = [...text.matchAll(/href: `\$\{report\}\?format=(\w+)`/g)].map(([, format]) => format)
  expect(formats).toEqual(['html', 'md'])
  for (const format of formats) {
    const reply = await api.call('GET', `/sweeps/${sweepId}/report?format=${format}`, { token: api.tokens.viewer })
    expect(reply.status).toBe(200)
  }
})

test('the same as Markdown, also by the client', async () => {
  const text = await client.report(sweepId, 'md')
  expect(text).toContain('# \\</script\\>\\<b\\>bold')
  expect(text).toContain('| user-error | the program exited with an error | 1 | 12 | Traceback \\<i\\> |')
  expect(await client.report(sweepId, 'html')).toMatch(/^<!doctype html>/)
})

test('a failed report holds up none after it', async () => {
  const replies = await Promise.all([
    client.report('k3v9x0abcd', 'md').catch((error: { code: string }) => error.code),
    client.report(sweepId, 'md'),
    client.report(sweepId, 'md'),
  ])
  expect(replies[0]).toBe('not-found')
  expect(replies[2]).toContain('## Leaderboard')
})

test('needs a token and a format that there is', async () => {
  expect((await api.call('GET', `/sweeps/${sweepId}/report`)).status).toBe(401)
  const reply = await api.call('GET', `/sweeps/${sweepId}/report?format=pdf`, { token: api.tokens.viewer })
  expect(reply.status).toBe(400)
})
