// The plain page: sweeps, and one sweep with its live leaderboard. No framework, no build; everything that comes from
// a sweep is set as text, never as HTML.

const API = '/api/v1'
const STATES = ['queued', 'running', 'paused', 'completed', 'pruned', 'failed', 'cancelled']
const REDRAW_MS = 1000
const CURVES = 10
const PAGE = 100

const main = document.getElementById('main')
const status = document.getElementById('status')

class Refused extends Error {}

async function api(path, init = {}) {
  const response = await fetch(API + path, { ...init, headers: { accept: 'application/json', ...init.headers } })
  if (response.status === 401) throw new Refused()
  if (response.status === 204) return undefined
  const body = await response.json().catch(() => ({ message: `HTTP ${response.status}` }))
  if (!response.ok) throw new Error(body.hint ? `${body.message}. ${body.hint}` : body.message)
  return body
}

/** An element with properties, classes and children; strings become text. */
function el(name, props = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue
    if (key === 'class') node.className = value
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else node.setAttribute(key, value)
  }
  node.append(...children.filter((child) => child !== undefined && child !== null))
  return node
}

const SVG = 'http://www.w3.org/2000/svg'
function svg(name, props = {}, ...children) {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, value)
  node.append(...children)
  return node
}

function number(value) {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'string') return value
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value)
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(5)))
}

function text(value) {
  if (typeof value === 'number') return number(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function ago(iso) {
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000)
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} days ago`
}

const chip = (state) => el('span', { class: `chip ${state}` }, state)
const total = (trials) => STATES.reduce((sum, state) => sum + trials[state], 0)

function counts(trials) {
  const sum = total(trials)
  const bar = el('div', { class: 'bar', 'aria-hidden': 'true' })
  const words = el('div', { class: 'counts' })
  for (const state of ['completed', 'pruned', 'failed', 'cancelled', 'running', 'paused', 'queued']) {
    if (trials[state] === 0) continue
    const part = el('span', { class: `part ${state}` })
    part.style.flexGrow = String(trials[state])
    bar.append(part)
    words.append(el('span', { class: `count ${state}` }, `${trials[state]} ${state}`))
  }
  return el('div', { class: 'progress' }, bar, sum === 0 ? el('div', { class: 'counts' }, 'no trials yet') : words)
}

/** Calls `work` soon, at most once in `REDRAW_MS`, never twice at a time, and not while nobody looks. */
function throttled(work) {
  let isDue = false
  let isWorking = false
  let isWanted = false
  const run = async () => {
    isDue = false
    if (isWorking || document.hidden) {
      isWanted = true
      return
    }
    isWorking = true
    isWanted = false
    try {
      await work()
    } catch (error) {
      show(error)
    }
    isWorking = false
    if (isWanted) call()
  }
  const call = () => {
    isWanted = true
    if (isDue) return
    isDue = true
    setTimeout(run, REDRAW_MS)
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && isWanted) call()
  })
  return call
}

function live(path, onSweep) {
  const source = new EventSource(API + path)
  source.addEventListener('sweep', (event) => onSweep(JSON.parse(event.data).sweep))
  source.onopen = () => setStatus('live', 'live')
  source.onerror = () => setStatus('connecting …', 'away')
}

function setStatus(words, kind) {
  status.textContent = words
  status.className = kind
}

function show(error) {
  if (error instanceof Refused) {
    askForToken()
    return
  }
  setStatus(error.message, 'away')
  if (main.querySelector('table') === null) main.replaceChildren(el('p', { class: 'problem' }, error.message))
}

function askForToken() {
  const input = el('input', {
    type: 'password',
    name: 'token',
    autocomplete: 'off',
    placeholder: 'swp_user_…',
    required: '',
  })
  const problem = el('p', { class: 'problem', role: 'alert' })
  const form = el(
    'form',
    { class: 'login' },
    el('h1', {}, 'Token needed'),
    el('p', {}, 'This server shows its sweeps to whoever has a token. The page keeps a read-only one as a cookie.'),
    el('label', {}, 'Token ', input),
    el('button', {}, 'Open'),
    problem,
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    try {
      await api('/session', { method: 'POST', headers: { authorization: `Bearer ${input.value.trim()}` } })
      location.reload()
    } catch (error) {
      problem.textContent = error instanceof Refused ? 'This token is not known here.' : error.message
    }
  })
  main.replaceChildren(form)
  setStatus('', '')
}

async function showSweeps() {
  document.title = 'sweeps'
  const sweeps = new Map()
  const body = el('tbody')
  const table = el(
    'table',
    {},
    el(
      'thead',
      {},
      el('tr', {}, ...['Sweep', 'State', 'Trials', 'Best', 'Created'].map((title) => el('th', {}, title))),
    ),
    body,
  )
  const draw = () => {
    const sorted = [...sweeps.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    body.replaceChildren(...sorted.map(sweepRow))
    const empty = el(
      'p',
      { class: 'quiet' },
      'No sweeps yet. Start one with ',
      el('code', {}, 'sweep create sweep.yaml'),
      '.',
    )
    main.replaceChildren(el('h1', {}, 'Sweeps'), sorted.length === 0 ? empty : el('div', { class: 'scroll' }, table))
  }
  for (const sweep of (await api('/sweeps?limit=100')).sweeps) sweeps.set(sweep.id, sweep)
  draw()
  const redraw = throttled(async () => draw())
  live('/events', (sweep) => {
    sweeps.set(sweep.id, sweep)
    redraw()
  })
}

function sweepRow(sweep) {
  const best = sweep.best === null ? '–' : number(sweep.best.value)
  return el(
    'tr',
    {},
    el('td', {}, el('a', { href: `/sweeps/${sweep.id}` }, sweep.name), el('div', { class: 'quiet' }, sweep.id)),
    el('td', {}, chip(sweep.state), el('div', { class: 'quiet reason' }, sweep.reason ?? '')),
    el('td', {}, counts(sweep.trials)),
    el('td', { class: 'number' }, best, el('div', { class: 'quiet' }, metricText(sweep))),
    el('td', { title: sweep.createdAt }, ago(sweep.createdAt)),
  )
}

function metricText({ metric, best }) {
  if (metric === null) return ''
  return best?.runs === undefined ? metric.name : `${metric.name}, mean of ${best.runs}`
}

async function showSweep(id) {
  const path = `/sweeps/${encodeURIComponent(id)}`
  let sweep = await api(path)
  document.title = `${sweep.name} · sweep`
  const head = el('section')
  const plot = el('section', { class: 'plot' })
  const filter = el('select', { 'aria-label': 'Show trials' }, el('option', { value: '' }, 'all trials'))
  for (const state of STATES) filter.append(el('option', { value: state }, state))
  const board = el('div', { class: 'scroll' })
  const more = el('button', { type: 'button', hidden: '' }, 'Show more')
  const parameters = sweep.document.space.parameters.filter((one) => one.type !== 'constant').map((one) => one.name)
  const curves = new Map()
  let limit = PAGE

  const draw = async () => {
    const state = filter.value === '' ? '' : `&state=${filter.value}`
    const { rows, next } = await api(`${path}/leaderboard?limit=${limit}${state}`)
    head.replaceChildren(...sweepHead(sweep))
    const holder = board.scrollLeft
    board.replaceChildren(leaderboard(rows, parameters, sweep))
    board.scrollLeft = holder
    more.hidden = next === null || limit >= 1000
    await loadCurves(path, sweep, rows, curves)
    plot.replaceChildren(...curvePlot(sweep, rows, curves))
  }
  const redraw = throttled(draw)
  filter.addEventListener('change', () => {
    draw().catch(show)
  })
  more.addEventListener('click', () => {
    limit = Math.min(1000, limit + PAGE)
    draw().catch(show)
  })
  main.replaceChildren(head, plot, el('div', { class: 'tools' }, el('h2', {}, 'Leaderboard'), filter), board, more)
  await draw()
  live(`${path}/events?facts=false`, (view) => {
    sweep = { ...sweep, ...view }
    redraw()
  })
}

function sweepHead(sweep) {
  const { metric, best } = sweep
  const facts = []
  if (metric !== null) facts.push((sweep.objectives ?? [metric]).map(({ goal, name }) => `${goal} ${name}`).join(', '))
  if (sweep.constraints !== undefined) facts.push(sweep.constraints.map(boundsText).join(', '))
  facts.push(
    sweep.method,
    sweep.parallelism === null ? 'as parallel as there is room' : `${sweep.parallelism} at a time`,
  )
  facts.push(`created ${ago(sweep.createdAt)}`)
  const parts = [
    el('h1', {}, sweep.name, ' ', chip(sweep.state)),
    el('p', { class: 'quiet' }, `${sweep.id} · ${facts.join(' · ')}`),
  ]
  if (sweep.reason !== null) parts.push(el('p', {}, sweep.reason))
  parts.push(counts(sweep.trials))
  if (best !== null) {
    const config = Object.entries(best.config).map(([key, value]) => `${key}=${text(value)}`)
    const of = best.runs === undefined ? `by trial ${best.trial}` : `in the mean of ${best.runs} runs`
    const words = [el('strong', {}, number(best.value)), ` ${of}: `, el('code', {}, config.join(' '))]
    parts.push(el('p', {}, sweep.objectives === undefined ? 'Best ' : `Best ${metric.name} `, ...words))
  }
  if (sweep.objectives !== undefined) {
    parts.push(
      el('p', { class: 'quiet' }, 'Trials that no other one beats by all objectives (the Pareto front) have a ★.'),
    )
  }
  const report = `${API}/sweeps/${encodeURIComponent(sweep.id)}/report`
  parts.push(
    el(
      'p',
      {},
      el('a', { href: `${report}?format=html` }, 'Report'),
      ' of what the sweep has come to so far, ',
      el('a', { href: `${report}?format=md` }, 'as text'),
    ),
  )
  return parts
}

function boundsText({ name, max, min }) {
  const bounds = []
  if (max !== undefined) bounds.push(`${name} ≤ ${number(max)}`)
  if (min !== undefined) bounds.push(`${name} ≥ ${number(min)}`)
  return bounds.join(', ')
}

/** The metrics beside the first objective that decide about trials: other objectives, then those of constraints. */
function sideMetrics({ metric, objectives = [], constraints = [] }) {
  const names = new Set([...objectives, ...constraints].map(({ name }) => name))
  names.delete(metric?.name)
  return [...names]
}

/** Those of the Pareto front, or the one best trial. */
function isBest(row, sweep) {
  return sweep.objectives === undefined ? row.number === sweep.best?.trial : row.front === true
}

function leaderboard(rows, parameters, sweep) {
  const beside = sideMetrics(sweep)
  const titles = ['#', 'Trial', 'State', sweep.metric?.name ?? 'Value', ...beside, 'Last', 'Step', ...parameters]
  const isNumber = (i) => i === 0 || (i >= 3 && i <= 5 + beside.length)
  const head = el('tr', {}, ...titles.map((title, i) => el('th', { class: isNumber(i) ? 'number' : null }, title)))
  const body = rows.map((row) => {
    const isOut = row.feasible === false && row.value !== null
    const why = [
      isOut ? 'breaks a constraint' : null,
      row.cause,
      row.reason,
      row.agent === null ? null : `on ${row.agent}`,
    ]
      .filter(Boolean)
      .join(' · ')
    return el(
      'tr',
      { title: why, class: isBest(row, sweep) ? 'best' : isOut ? 'infeasible' : null },
      el('td', { class: 'number' }, row.rank === null ? '–' : `${row.front ? '★ ' : ''}${row.rank}`),
      el(
        'td',
        {},
        String(row.number),
        row.attempts > 1 ? el('span', { class: 'quiet' }, ` ×${row.attempts}`) : undefined,
      ),
      el('td', {}, chip(row.state)),
      el('td', { class: 'number strong' }, number(row.value)),
      ...beside.map((name) => el('td', { class: 'number' }, number(row.values?.[name]))),
      el('td', { class: 'number' }, number(row.lastValue)),
      el('td', { class: 'number' }, number(row.lastStep)),
      ...parameters.map((name) => el('td', {}, Object.hasOwn(row.config, name) ? text(row.config[name]) : '')),
    )
  })
  if (rows.length === 0) return el('p', { class: 'quiet' }, 'No trials here.')
  return el('table', { class: 'board' }, el('thead', {}, head), el('tbody', {}, ...body))
}

/** The best few trials' series; those of trials that have ended are read once. */
async function loadCurves(path, sweep, rows, curves) {
  if (sweep.metric === null) return
  const name = encodeURIComponent(sweep.metric.name)
  const wanted = rows.filter((row) => row.reports > 0).slice(0, CURVES)
  await Promise.all(
    wanted.map(async (row) => {
      const known = curves.get(row.number)
      if (known !== undefined && known.reports === row.reports) return
      const { series } = await api(`${path}/trials/${row.number}/metrics?maxPoints=200&name=${name}`)
      if (series[0] !== undefined) curves.set(row.number, { reports: row.reports, ...series[0] })
    }),
  )
}

const WIDTH = 640
const HEIGHT = 220
const PAD = { left: 72, right: 12, top: 10, bottom: 24 }

function curvePlot(sweep, rows, curves) {
  const shown = rows.slice(0, CURVES).flatMap((row) => {
    const curve = curves.get(row.number)
    if (curve === undefined) return []
    const points = curve.steps
      .map((step, i) => [step, curve.values[i]])
      .filter(([, value]) => typeof value === 'number')
      .sort((a, b) => a[0] - b[0])
    return points.length === 0 ? [] : [{ row, points }]
  })
  const all = shown.flatMap(({ points }) => points)
  if (all.length < 2) return []
  const values = all.map(([, value]) => value)
  const isLog = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 50
  const scaled = (value) => (isLog ? Math.log10(value) : value)
  const [x0, x1] = extent(all.map(([step]) => step))
  const [y0, y1] = extent(values.map(scaled))
  const x = (step) => PAD.left + ((step - x0) / (x1 - x0)) * (WIDTH - PAD.left - PAD.right)
  const y = (value) => HEIGHT - PAD.bottom - ((scaled(value) - y0) / (y1 - y0)) * (HEIGHT - PAD.top - PAD.bottom)
  const picture = svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: 'img',
    'aria-label': `learning curves of the best ${shown.length} trials`,
  })
  for (const part of [0, 0.5, 1]) {
    const level = y0 + part * (y1 - y0)
    const value = isLog ? 10 ** level : level
    const at = y(value)
    picture.append(
      svg('line', { class: 'grid', x1: PAD.left, x2: WIDTH - PAD.right, y1: at, y2: at }),
      svg('text', { class: 'tick', x: PAD.left - 6, y: at + 4, 'text-anchor': 'end' }, number(value)),
    )
  }
  for (const [step, anchor] of [
    [x0, 'start'],
    [x1, 'end'],
  ]) {
    picture.append(
      svg('text', { class: 'tick', x: x(step), y: HEIGHT - 6, 'text-anchor': anchor }, `step ${number(step)}`),
    )
  }
  for (const [i, { row, points }] of [...shown.entries()].reverse()) {
    const title = svg('title', {}, `trial ${row.number}, ${row.state}, ${number(row.value)}`)
    const places = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`)
    const kind = i === 0 ? 'curve first' : `curve ${row.state}`
    picture.append(svg('polyline', { class: kind, points: places.join(' ') }, title))
    const [lastX, lastY] = places.at(-1).split(',')
    picture.append(svg('circle', { class: i === 0 ? 'dot first' : `dot ${row.state}`, cx: lastX, cy: lastY, r: 3 }))
  }
  const caption = `${sweep.metric.name} of the best ${shown.length} trials shown${isLog ? ', logarithmic' : ''}; the best is drawn thick.`
  return [picture, el('p', { class: 'quiet' }, caption)]
}

function extent(values) {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low === high ? [low - 0.5, high + 0.5] : [low, high]
}

const AGENTS_MS = 5000

/** Agents tell nobody of themselves but when they are asked, so they are asked again and again. */
async function showAgents() {
  document.title = 'agents · sweep'
  const titles = ['Agent', 'State', 'Busy', 'GPUs', 'Queues', 'Hears of work', 'Seen']
  const body = el('tbody')
  const head = el('tr', {}, ...titles.map((title) => el('th', {}, title)))
  const table = el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, head), body))
  const empty = el('p', { class: 'quiet' }, 'No agents. ', el('code', {}, 'sweep agent start'), ' runs trials there.')
  const draw = async () => {
    const { agents } = await api('/agents')
    body.replaceChildren(...agents.map(agentRow))
    main.replaceChildren(el('h1', {}, 'Agents'), agents.length === 0 ? empty : table)
    setStatus('live', 'live')
  }
  const redraw = throttled(draw)
  await draw()
  setInterval(redraw, AGENTS_MS)
}

function agentRow(agent) {
  const { claims, queueTrouble } = agent.condition ?? {}
  const ways = { queue: 'from the queue (Redis)', http: 'over HTTP' }
  return el(
    'tr',
    {},
    el('td', {}, agent.name, el('div', { class: 'quiet' }, agent.host)),
    el('td', {}, agent.state, el('div', { class: 'quiet reason' }, agent.reason ?? '')),
    el('td', {}, `${agent.busy} of ${agent.slots}`),
    el('td', {}, agent.gpus.join(', ')),
    el('td', {}, agent.queues.join(', ')),
    el('td', {}, ways[claims] ?? '–', el('div', { class: 'quiet reason' }, queueTrouble ?? '')),
    el('td', { title: agent.lastSeenAt }, ago(agent.lastSeenAt)),
  )
}

const match = /^\/sweeps\/([^/]+)$/.exec(location.pathname)
const list = location.pathname === '/agents' ? showAgents : showSweeps
const page = match === null ? list() : showSweep(decodeURIComponent(match[1]))
page.catch(show)
