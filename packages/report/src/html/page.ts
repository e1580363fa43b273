import { isSweepOver } from '@sweep/spec/sweep-state'
import { formatDuration } from '@sweep/spec/units'
import { costsOf } from '../costs.ts'
import { html, type Markup, type Part } from '../markup.ts'
import { countsText, hoursText, intervalText, shortNumber, timeText } from '../numbers.ts'
import type { SweepReport } from '../sweep-report.ts'
import { confirmationSection } from './confirmation-section.ts'
import { costSection, failureSection, timelineSection } from './cost-sections.ts'
import { effectSection, frontSection, importanceSection, progressSection } from './effect-sections.ts'
import { STYLE } from './style.ts'
import { bestSection, leaderboardSection, reproduceSection, settingsSection } from './sweep-sections.ts'

export interface Section {
  readonly id: string
  readonly title: string
  readonly body: Part
}

const SECTIONS: readonly ((report: SweepReport) => Section | undefined)[] = [
  bestSection,
  confirmationSection,
  leaderboardSection,
  frontSection,
  progressSection,
  importanceSection,
  effectSection,
  failureSection,
  costSection,
  timelineSection,
  settingsSection,
  reproduceSection,
]

/**
 * A report as one page: no script, no request, nothing beside it. Opens from a file as well as from the server, follows
 * the reader's light or dark, and prints.
 *
 * @param pause called between the sections, as by `sweepReport`
 */
export async function reportPage(report: SweepReport, pause: () => Promise<void>): Promise<string> {
  const sections: Section[] = []
  for (const write of SECTIONS) {
    await pause()
    sections.push(...[write(report)].flatMap((section) => section ?? []))
  }
  await pause()
  const { sweep } = report
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${sweep.name} · sweep report</title>
${STYLE}
</head>
<body>
<main>
${head(report)}
<nav aria-label="Sections">${sections.map(({ id, title }) => html`<a href="#${id}">${title}</a> `)}</nav>
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-h"><h2 id="${id}-h">${title}</h2>
${body}</section>
`,
)}
</main>
</body>
</html>
`.toString()
}

function head(report: SweepReport): Markup {
  const { sweep, nowMs, version, spending } = report
  const { total } = costsOf(spending)
  const end = sweep.endedAt === null ? nowMs : Date.parse(sweep.endedAt)
  const tiles: (readonly [string, string, string])[] = [
    bestTile(report),
    ['trials', String(report.trials.length), countsText(sweep.trials)],
    ['time', formatDuration(end - Date.parse(sweep.createdAt)), `since ${timeText(sweep.createdAt)}`],
    total.gpuSeconds > 0
      ? ['GPU time', hoursText(total.gpuSeconds), `${hoursText(total.seconds)} of trial time`]
      : ['trial time', hoursText(total.seconds), `${total.attempts} attempts, no GPU`],
  ]
  const isOver = isSweepOver(sweep.state)
  return html`<header><h1>${sweep.name}</h1>
<p class="soft">Sweep ${sweep.id}, project ${sweep.project}, ${sweep.state}${sweep.reason === null ? '' : `: ${sweep.reason}`}. As of ${timeText(new Date(nowMs).toISOString())}${isOver ? '' : ', while it still runs'}, by sweep ${version}.</p>
<div class="tiles">${tiles.map(([name, value, more]) => html`<div class="tile"><span class="soft">${name}</span><b>${value}</b><span class="soft">${more}</span></div>`)}</div></header>`
}

/** Of a sweep with several seeds a config the best mean: its best single run is luck. */
function bestTile({ sweep, objective, configs }: SweepReport): readonly [string, string, string] {
  const name = objective?.name ?? ''
  const mean = configs?.find((row) => row.mean !== null)
  if (mean !== undefined)
    return [`best mean ${name}`, shortNumber(mean.mean), `${intervalText(mean)}, ${mean.runs} runs`]
  const of = sweep.best === null ? 'no trial has a value' : `trial ${sweep.best.trial}`
  return [`best ${name}`, shortNumber(sweep.best?.value), of]
}
