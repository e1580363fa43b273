import type { ProjectSettings } from '@sweep/spec/wire/tracking/projects'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import type { Options } from '../options.ts'
import { resolveProject } from '../resolve-project.ts'

type Policy = Pick<ProjectSettings, 'archive' | 'points' | 'deleted' | 'experiment'>

const NAMES = ['archiveAfter', 'keepBest', 'keepRecent', 'wholeFor', 'buckets', 'wholeBest', 'purgeAfter', 'min', 'max']

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const project = await resolveProject(client, args[0] ?? '')
    const changed = changedPolicy(project.settings, options)
    const isChange = NAMES.some((name) => options.has(name))
    const { settings } = isChange
      ? await client.tracking.changeProject(project.id, { settings: { ...project.settings, ...changed } })
      : project
    const { archive, points, deleted, experiment } = settings
    const { metric } = experiment
    const fields = [
      ['archive after', days(archive.afterDays)],
      ['  keep best', archive.keepBest],
      ['  keep recent', archive.keepRecent],
      ['points whole for', days(points.wholeDays)],
      ['  buckets', points.buckets],
      ['  keep best whole', points.keepBest],
      ['purge deleted after', days(deleted.purgeAfterDays)],
      ['best by', metric === undefined ? 'the metric of each experiment' : `${metric.name}, ${metric.goal}`],
    ] as const
    await context.printRecord(
      { project: project.name, archive, points, deleted, metric: metric ?? null },
      fields,
      project.name,
    )
    if (isChange)
      context.say(`It is followed within the hour; \`sweep project retention ${project.name}\` says what it does.`)
    return undefined
  },
}

function days(count: number | undefined): string {
  return count === undefined ? 'never' : `${count} days`
}

function changedPolicy({ archive, points, deleted, experiment }: Policy, options: Options): Policy {
  const [min, max] = [options.text('min'), options.text('max')]
  if (min !== undefined && max !== undefined)
    throw usageError('--min and --max are one metric or another.', 'Choose one.')
  const goal = min === undefined ? 'maximize' : 'minimize'
  const name = min ?? max
  return {
    experiment: name === undefined ? experiment : { ...experiment, metric: { name, goal } },
    archive: {
      ...daysOf(options, 'archiveAfter', 'afterDays', archive),
      keepBest: options.whole('keepBest', 0) ?? archive.keepBest,
      keepRecent: options.whole('keepRecent', 0) ?? archive.keepRecent,
    },
    points: {
      ...daysOf(options, 'wholeFor', 'wholeDays', points),
      buckets: options.whole('buckets', 2) ?? points.buckets,
      keepBest: options.whole('wholeBest', 0) ?? points.keepBest,
    },
    deleted: daysOf(options, 'purgeAfter', 'purgeAfterDays', deleted),
  }
}

/** The number of days that an option says, or what was set before; none for `never`. */
function daysOf<K extends string>(
  options: Options,
  option: string,
  key: K,
  before: Readonly<Partial<Record<K, number>>>,
): Partial<Record<K, number>> {
  const text = options.text(option)
  if (text === 'never') return {}
  const number = /^\d+d?$/.test(text ?? '') ? Number.parseInt(text ?? '', 10) : undefined
  if (text !== undefined && (number === undefined || number < 1)) {
    const flag = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw usageError(`--${flag} takes a number of days of at least 1, or never, not "${text}".`)
  }
  const count = number ?? before[key]
  return count === undefined ? {} : ({ [key]: count } as Partial<Record<K, number>>)
}
