import { contourChart, type EffectChart, sliceChart } from '../chart/effect-charts.ts'
import { frontChart } from '../chart/front-chart.ts'
import { barChart, bestSoFarChart, curvesChart } from '../chart/progress-charts.ts'
import { comparedText, doubtTexts, importanceBars, importanceSummary, pairTexts } from '../importance-text.ts'
import { html, type Markup, shortText } from '../markup.ts'
import { percentText, shortNumber } from '../numbers.ts'
import type { SweepReport } from '../sweep-report.ts'
import type { Section } from './page.ts'
import { NAME } from './sweep-sections.ts'

function figure(title: string, { chart, note }: EffectChart): Markup {
  return html`<figure><h3>${shortText(title, 2 * NAME)}</h3>${chart}${note !== undefined && html`<figcaption>${note}</figcaption>`}</figure>`
}

export function progressSection({ objective, progress, curves }: SweepReport): Section | undefined {
  if (objective === undefined || progress.length === 0) return undefined
  const drawn = curves.filter(({ steps }) => steps.length > 0)
  const bestCount = drawn.filter(({ group }) => group === 'best').length
  return {
    id: 'progress',
    title: 'Progress',
    body: html`<div class="charts">${figure(`Best ${objective.name} so far`, bestSoFarChart('so-far', objective, progress))}
${drawn.length > 0 && figure(`Learning curves of ${objective.name}`, curvesChart('curves', objective, drawn))}</div>
${drawn.length > 0 && html`<p class="note"><span class="key best"></span>the best ${bestCount} trials<span class="key quart"></span>${drawn.length - bestCount} others, evenly over the sweep.</p>`}`,
  }
}

export function frontSection({ front }: SweepReport): Section | undefined {
  if (front === undefined || front.points.length === 0) return undefined
  const [across, up] = front.objectives
  const goals = `${across.goal} ${across.name}, ${up.goal} ${up.name}`
  return {
    id: 'front',
    title: 'Pareto front',
    body: html`<p>${goals}.</p>
<div class="charts">${figure(`${up.name} against ${across.name}`, frontChart('objectives', front.objectives, front.points))}</div>
<p class="note"><span class="key best"></span>no other trial is better by one objective and as good by the others<span class="key quart"></span>the others that have ended.</p>`,
  }
}

export function importanceSection({ importance, objective }: SweepReport): Section | undefined {
  if (importance === undefined || objective === undefined || importance.trials === 0) return undefined
  const bars = importanceBars(importance)
  const [first] = importance.parameters
  return {
    id: 'importance',
    title: 'What matters',
    body: html`<p>${importanceSummary(importance, objective)}</p>
${doubtTexts(importance).map((doubt) => html`<p class="warning">${doubt}</p>`)}
${bars.length > 0 && html`<figure><h3>Share of the variance of ${shortText(objective.name, NAME)}, with 90 % intervals</h3>${barChart('share', 'Importance of parameters', first === undefined ? '' : `The most important is ${first.name} with ${percentText(first.importance)}.`, bars)}</figure>`}
${pairTexts(importance).map((pair) => html`<p class="note">${pair}</p>`)}`,
  }
}

export function effectSection({ objective, effects, contour, importance, sweep }: SweepReport): Section | undefined {
  if (objective === undefined || effects.length === 0) return undefined
  const figures = effects.map(({ parameter, slice, dependence }, index) =>
    figure(
      `${objective.name} against ${parameter.name}`,
      sliceChart(`effect-${index}`, objective, parameter, slice, dependence),
    ),
  )
  const config = sweep.best?.config ?? {}
  const [across, down] = contour?.parameters ?? []
  const at = across && down && [config[across.name], config[down.name]]
  const hasPlace = at !== undefined && at[0] !== undefined && at[1] !== undefined
  return {
    id: 'effects',
    title: 'Effects',
    body: html`<p>${importance !== undefined && `Of ${comparedText(importance)}.`}</p>
<p class="note"><span class="key quart"></span>half of the trials there lie in the box, its line is their median<span class="key model"></span>what a random forest says with all other parameters as they are drawn (partial dependence, 90 % interval). A model that explains little of unseen trials says little here too.</p>
<div class="charts">${figures}
${contour !== undefined && html`<figure><h3>${shortText(`${objective.name} by ${contour.parameters[0].name} and ${contour.parameters[1].name}`, 2 * NAME)}</h3>${contourChart('contour', objective, contour.parameters, contour.contour, hasPlace ? [at[0]!, at[1]!] : undefined)}<figcaption>worse<span class="ramp"></span>better, partial dependence${hasPlace ? '; the dot is the best trial' : ''}. Point at a cell for its value. R2 ${shortNumber(contour.contour.r2)}.</figcaption></figure>`}</div>`,
  }
}
