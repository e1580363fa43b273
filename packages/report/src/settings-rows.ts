import { constraintsText, objectivesOf, objectivesText } from '@sweep/spec/objectives'
import type { Parameter } from '@sweep/spec/search-space'
import { formatDuration } from '@sweep/spec/units'
import type { SweepDetail } from '@sweep/spec/wire/api'
import { hoursText, shortNumber, timeText, valueText } from './numbers.ts'

/** What was asked for, as name and text. Names of `env` only: values may be secrets. */
export function settingsRows({ document, ...sweep }: SweepDetail): [name: string, text: string][] {
  const { budget, earlyTerminate, resources, retry, constraints } = document
  const limits = [
    ...(budget.trials === undefined ? [] : [`${budget.trials} trials`]),
    ...(budget.wallMs === undefined ? [] : [formatDuration(budget.wallMs)]),
    ...(budget.gpuSeconds === undefined ? [] : [`${hoursText(budget.gpuSeconds)} of GPU time`]),
  ]
  const needs = Object.entries(resources).map(([name, value]) => `${name} ${value}`)
  const rows: [string, string | undefined][] = [
    ['description', document.description],
    ['project', sweep.project],
    ['tags', document.tags.join(', ')],
    ['method', document.method],
    ['objective', objectivesText(objectivesOf(document))],
    ['constraints', constraints && constraintsText(constraints)],
    ['early termination', earlyTerminate && settingText(earlyTerminate)],
    ['budget', limits.join(', ') || 'none'],
    ['parallelism', document.parallelism === undefined ? 'as there is room' : String(document.parallelism)],
    ['seed', String(document.seed)],
    ['retries', `${retry.max} after a failure of the program, ${retry.lostMax} after one of the host`],
    ['resources of a trial', needs.join(', ')],
    ['time limit of a trial', document.timeoutMs === undefined ? undefined : formatDuration(document.timeoutMs)],
    ['launcher', document.launcher],
    ['environment variables', Object.keys(document.env).join(', ')],
    ['folder', sweep.workdir],
    ['created', timeText(sweep.createdAt)],
    ['ended', sweep.endedAt === null ? 'not yet' : `${timeText(sweep.endedAt)}, ${sweep.state}: ${sweep.reason ?? ''}`],
  ]
  return rows.flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, text]]))
}

/** `asha, minResource 1, reductionFactor 3`. */
function settingText({ type, ...settings }: { readonly type: string }): string {
  return [type, ...Object.entries(settings).map(([name, value]) => `${name} ${valueText(value as never)}`)].join(', ')
}

/** `1e-5 to 0.1, log`. */
export function parameterText(parameter: Parameter): string {
  switch (parameter.type) {
    case 'constant':
      return valueText(parameter.value)
    case 'choice':
      return parameter.values.map(valueText).join(', ')
    case 'int':
    case 'float': {
      const { type, min, max, scale } = parameter
      return `${type === 'int' ? 'whole number, ' : ''}${shortNumber(min)} to ${shortNumber(max)}${scale === 'linear' ? '' : `, ${scale}`}`
    }
    case 'normal':
      return `${parameter.scale === 'log' ? 'log-normal' : 'normal'}, mu ${shortNumber(parameter.mu)}, sigma ${shortNumber(parameter.sigma)}`
    case 'beta':
      return `beta, a ${shortNumber(parameter.a)}, b ${shortNumber(parameter.b)}`
  }
}

const SECRET = /^(\s*["']?[\w.-]*(?:secret|token|passw|api_?key|credential|private_?key)[\w.-]*["']?\s*:\s*)\S.*$/gim

/** The sweep file without values whose name says that they are secret: a report is passed on. */
export function publicSource(source: string): string {
  return source.replace(SECRET, '$1(hidden)')
}

/** How to run the sweep, or its best config, again. */
export function codeText({ code }: SweepDetail): string {
  switch (code.kind) {
    case 'folder':
      return 'The trials ran in the folder itself; no copy of its code was kept.'
    case 'git':
      return `Code: commit ${code.commit} of ${code.url}${code.folder === '' ? '' : `, folder ${code.folder}`}.`
    case 'snapshot':
      return `Code: the snapshot with the checksum ${code.sha256} in the server's object store.`
  }
}
