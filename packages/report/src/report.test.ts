import { describe, expect, test } from 'vitest'
import { reportPage } from './html/page.ts'
import { reportText } from './markdown/report-text.ts'
import type { ReportSource } from './report-source.ts'
import { sweepReport } from './sweep-report.ts'
import { type SampleTrial, sampleSource, spread } from './testing/sample-source.ts'

const LR = { name: 'lr', type: 'float', min: 1e-5, max: 1, scale: 'log' }
const OPT = { name: 'opt', type: 'choice', values: ['adam', 'sgd'] }

function trialsOf(count: number): SampleTrial[] {
  return Array.from({ length: count }, (_, index) => {
    const lr = 10 ** (-5 + 5 * spread(index))
    const opt = index % 2 === 0 ? 'adam' : 'sgd'
    return { config: { lr, opt }, value: (Math.log10(lr) + 2) ** 2 + (opt === 'sgd' ? 1 : 0) + 0.1 * spread(7 * index) }
  })
}

async function pageOf(source: ReportSource): Promise<string> {
  const pause = async () => undefined
  return reportPage(await sweepReport(source, pause), pause)
}

async function textOf(source: ReportSource): Promise<string> {
  return reportText(await sweepReport(source, async () => undefined))
}

const TAGS = new Set(
  'html head meta title style body main header nav section h1 h2 h3 p b a div span figure figcaption table thead tbody tr th td pre code details summary svg desc path text rect circle g'.split(
    ' ',
  ),
)
const ATTRIBUTES = new Set(
  'lang charset name content http-equiv id class href aria-label aria-labelledby scope role viewBox x y width height d cx cy r fill text-anchor transform'.split(
    ' ',
  ),
)

/** Every tag of a page with its attributes; throws on a `<` that begins none. */
function tagsOf(page: string): { tag: string; attributes: [string, string][] }[] {
  const tags: { tag: string; attributes: [string, string][] }[] = []
  // The style sheet holds no markup.
  const body = page.replace('<!doctype html>', '').replace(/<style>[^<]*<\/style>/, '')
  const rest = body.replaceAll(
    /<\/?([a-z0-9]+)((?:\s+[\w:-]+="[^"<>]*")*)\s*\/?>/gi,
    (_, tag: string, text: string) => {
      tags.push({
        tag,
        attributes: [...text.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
      })
      return ''
    },
  )
  expect(rest).not.toContain('<')
  return tags
}

describe('the page', () => {
  test('holds every part, with axes, units and texts for those who do not see', async () => {
    const failed: SampleTrial = { config: { lr: 0.5, opt: 'sgd' }, value: null, state: 'failed' }
    const page = await pageOf(sampleSource({ parameters: [LR, OPT], trials: [...trialsOf(60), failed] }))
    const ids = [...page.matchAll(/<section id="([a-z]+)"/g)].map(([, id]) => id)
    expect(ids).toEqual([
      'best',
      'leaderboard',
      'progress',
      'importance',
      'effects',
      'failures',
      'cost',
      'timeline',
      'settings',
      'reproduce',
    ])
    expect(page).toContain('lr (log scale)')
    expect(page).toContain('time since the first trial started, minutes')
    const charts = page.match(/<svg /g)?.length ?? 0
    expect(charts).toBe(9)
    expect(
      page.match(
        /<svg [^>]*role="img" aria-labelledby="[\w-]+ [\w-]+"><title id="[\w-]+">[^<]+<\/title><desc id="[\w-]+">[^<]+</g,
      ),
    ).toHaveLength(charts)
    expect(page).toContain('Lost to failures and cancellations: 10s of trial time, 2 %, in 1 attempts.')
  })

  test('asks for nothing from outside and runs no script', async () => {
    const page = await pageOf(sampleSource({ parameters: [LR, OPT], trials: trialsOf(40) }))
    for (const { tag, attributes } of tagsOf(page)) {
      expect(TAGS).toContain(tag)
      for (const [name, value] of attributes) {
        expect(ATTRIBUTES).toContain(name)
        if (name === 'href') expect(value).toMatch(/^#[a-z]+$/)
      }
    }
    expect(page).not.toMatch(/url\(|@import|https?:/)
    expect(page).toContain(`content="default-src &#39;none&#39;`.replaceAll('&#39;', "'"))
  })

  const HOSTILE = [
    `</script><script>alert(1)</script>`,
    `"><img src=x onerror=alert(1)>`,
    `' onmouseover='alert(1)`,
    '</title></svg><svg onload=alert(1)>',
    '🎉 emoji \u202e reversed \u0000 nul \ud800 half',
    `]]> <!-- ${'x'.repeat(10_000)}`,
  ]

  test.each(HOSTILE)('shows a hostile name as text: %j', async (text) => {
    const parameters = [
      { name: text, type: 'choice', values: [text, `${text}2`, 'plain'] },
      { name: `${text}-lr`, type: 'float', min: 0, max: 1 },
    ]
    const trials = Array.from({ length: 40 }, (_, index): SampleTrial => {
      const config = { [text]: [text, `${text}2`, 'plain'][index % 3]!, [`${text}-lr`]: spread(index) }
      return { config, value: spread(index) + (index % 3) }
    })
    const failed: SampleTrial = { config: { [text]: text, [`${text}-lr`]: 0.5 }, value: null, state: 'failed' }
    const plain = sampleSource({
      ...{ name: text, parameters, trials: [...trials, failed], source: `# ${text}\nmethod: random\n` },
      document: {
        metric: { name: text.slice(0, 250), goal: 'minimize' },
        description: text.slice(0, 9000),
        tags: [text.slice(0, 90)],
      },
    })
    const source: ReportSource = {
      ...plain,
      spending: plain.spending.map((one) => ({ ...one, message: text })),
      bestRun: { trial: 1, seed: 1, environment: { [text]: text, gpus: [{ name: text }] } },
    }
    const page = await pageOf(source)
    for (const { tag, attributes } of tagsOf(page)) {
      expect(TAGS).toContain(tag)
      for (const [name] of attributes) expect(ATTRIBUTES).toContain(name)
    }
    for (const mark of ['\u0000', '\u202e']) expect(page).not.toContain(mark)
    expect(page).not.toMatch(/\p{Surrogate}/u)
    expect(page.length).toBeLessThan(3_000_000)
    expect(await textOf(source)).not.toMatch(/\p{Surrogate}/u)
  })

  test('of ten thousand trials stays below two megabytes, and says what it does not draw', async () => {
    const page = await pageOf(sampleSource({ parameters: [LR, OPT], trials: trialsOf(10_000) }))
    expect(page.length).toBeLessThan(2_000_000)
    expect(page).toContain('350 of 10000 trials are drawn, the best 50 among them')
    expect(page).toContain('350 of 10000 trials are drawn as dots; the line is of all')
    expect(page).toContain('10000 trials are too many for a bar each')
    expect(page).toContain('9000 beyond as many as a report looks at')
    expect(page).toContain('The best 20 of 10000 trials')
  })

  test('of a sweep without trials, without a metric, or with one trial is short and whole', async () => {
    const none = await pageOf(sampleSource({ parameters: [LR], trials: [] }))
    expect(none).toContain('no trial has a value')
    tagsOf(none)
    const aimless = await pageOf(
      sampleSource({ parameters: [LR], trials: trialsOf(3), document: { metric: undefined } }),
    )
    tagsOf(aimless)
    expect(aimless).not.toContain('id="effects"')
    const one = await pageOf(sampleSource({ parameters: [LR], trials: trialsOf(1) }))
    tagsOf(one)
    expect(one).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('a diverged trial does not flatten the others, and is counted', async () => {
    const trials = [...trialsOf(60), { config: { lr: 0.9, opt: 'sgd' }, value: 1e308 }]
    const page = await pageOf(sampleSource({ parameters: [LR, OPT], trials }))
    expect(page).toContain('1 far-off values are drawn at the edge')
    expect(page).not.toMatch(/[MHV" ](NaN|-?Infinity)/)
  })

  test('of several objectives draws the front, by the first two', async () => {
    const objectives = [
      { name: 'loss', goal: 'minimize' },
      { name: 'acc', goal: 'maximize' },
    ] as const
    const plain = sampleSource({ parameters: [LR, OPT], trials: trialsOf(40), document: { objectives } })
    const points = Array.from({ length: 500 }, (_, n) => ({
      trial: n + 1,
      x: spread(n),
      y: spread(3 * n),
      isOnFront: n < 5,
    }))
    const page = await pageOf({ ...plain, front: { objectives, points } })
    tagsOf(page)
    expect(page).toContain('5 of 500 trials are on the Pareto front')
    expect(page.match(/, on the front<\/title>/g)).toHaveLength(5)
    expect(page).toContain('345 of 495 trials off the front are drawn.')
    expect(page).toContain('minimize loss, maximize acc.')
  })

  test('hides values of the sweep file whose names say that they are secret, and all values of env', async () => {
    const source = sampleSource({
      ...{ parameters: [LR], trials: trialsOf(3), document: { env: { WANDB_API_KEY: 'hunter2' } } },
      source: 'env:\n  WANDB_API_KEY: hunter2\n  MODE: fast\n  "db-password": "hunter2"\n',
    })
    for (const text of [await pageOf(source), await textOf(source)]) {
      expect(text).not.toContain('hunter2')
      expect(text).toContain('WANDB_API_KEY: (hidden)')
      expect(text).toContain('MODE: fast')
    }
  })
})

describe('the text', () => {
  test('says the same in tables', async () => {
    const text = await textOf(sampleSource({ parameters: [LR, OPT], trials: trialsOf(60) }))
    const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
    expect(titles).toEqual([
      'Best config',
      'Leaderboard',
      'Progress',
      'What matters',
      'Effects',
      'Cost',
      'Settings',
      'How to reproduce',
    ])
    expect(text).toContain('| sgd | sgd | 30 |')
    expect(text).toMatch(/```sh\npython3 train\.py --lr=0\.0\d+ --opt=adam\n```/)
    expect(text).toContain('SWEEP_SEED=12345 python3 train.py')
  })

  test('means what it says whatever names hold', async () => {
    const name = 'a|b`c*d_e<f>[g](h)\n# i'
    const parameters = [{ name, type: 'choice', values: ['```', '| |'] }]
    const trials = [0, 1, 2, 3].map(
      (index): SampleTrial => ({ config: { [name]: index % 2 ? '```' : '| |' }, value: -index }),
    )
    const text = await textOf(sampleSource({ parameters, trials, source: 'x: |\n  ```\n  # not a title\n  ````\n' }))
    expect(text).toContain('| a\\|b\\`c\\*d\\_e\\<f\\>\\[g\\](h) \\# i |')
    expect(text).toContain('`````yaml\nx: |\n  ```\n  # not a title\n  ````\n`````')
    const rows = text.split('\n').filter((line) => line.startsWith('| a'))
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(row.replaceAll('\\|', '').match(/\|/g)!.length).toBeLessThanOrEqual(5)
  })
})
