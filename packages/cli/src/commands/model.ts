import { ModelAlias, ModelName } from '@sweep/spec/models/names'
import { formatDuration } from '@sweep/spec/units'
import type { ModelVersionView, ModelView } from '@sweep/spec/wire/tracking/models'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { requireVersionName, resolveRun, splitModelName } from '../names.ts'
import type { Cell, Column } from '../output.ts'
import { ageText, configText, shortNumber, valuesText } from '../present.ts'

const PAGE = 1000

const MODEL_COLUMNS = (now: number): readonly Column<ModelView>[] => [
  { name: 'name', value: (model) => model.name, flexible: true, minWidth: 12 },
  { name: 'versions', value: (model) => model.versions, align: 'right' },
  { name: 'production', value: (model) => model.stages.production, align: 'right' },
  { name: 'staging', value: (model) => model.stages.staging, align: 'right' },
  { name: 'aliases', value: (model) => aliasesText(model.aliases), flexible: true, minWidth: 8 },
  {
    name: 'updated',
    value: (model) => model.updatedAt,
    show: (model) => ageText(model.updatedAt, now),
    align: 'right',
  },
  { name: 'description', value: (model) => model.description, wide: true },
]

const VERSION_COLUMNS = (now: number): readonly Column<ModelVersionView>[] => [
  { name: 'version', value: (version) => version.version, align: 'right' },
  { name: 'stage', value: (version) => version.stage },
  { name: 'aliases', value: (version) => version.aliases.join(','), flexible: true, minWidth: 8 },
  { name: 'run', value: (version) => version.runId },
  {
    name: 'metrics',
    value: (version) => valuesText(lastValues(version), String),
    show: (version) => valuesText(lastValues(version)),
    flexible: true,
    minWidth: 12,
  },
  { name: 'framework', value: (version) => version.framework },
  { name: 'age', value: (version) => version.createdAt, show: (one) => ageText(one.createdAt, now), align: 'right' },
  { name: 'by', value: (version) => version.createdBy, wide: true },
  { name: 'commit', value: (version) => version.origin.commit, wide: true },
  { name: 'data_version', value: (version) => version.origin.dataVersion, wide: true },
]

export const list: Command = {
  async run(context) {
    const client = await context.client()
    const models: ModelView[] = []
    for (let after: string | undefined; ; ) {
      const page = await client.models.list({ limit: PAGE, after })
      models.push(...page.models)
      if (page.next === null) break
      after = page.next
    }
    await context.printRows(models, MODEL_COLUMNS(context.process.now()), (model) => model.name)
    if (models.length === 0) context.say('No model is registered yet; `sweep model register NAME RUN` does.')
    return undefined
  },
}

export const get: Command = {
  async run(context, args) {
    const { name, version } = splitModelName(args[0] ?? '')
    const client = await context.client()
    if (version !== undefined) {
      await printVersion(context, await client.models.version(name, version))
      return undefined
    }
    const [model, { versions, next }] = await Promise.all([
      client.models.get(name),
      client.models.versions(name, { limit: PAGE }),
    ])
    const rows = VERSION_COLUMNS(context.process.now())
    await context.printRows(versions, rows, (one) => `${one.model}@${one.version}`, { ...model, versionList: versions })
    if (model.description !== '') context.say(model.description)
    if (versions.length === 0) context.say('It has no version yet; `sweep model register NAME RUN` makes one.')
    if (next !== null) context.warn(`Only the newest ${PAGE} versions are shown.`)
    return undefined
  },
}

export const register: Command = {
  async run(context, args, options) {
    const name = ModelName.safeParse(args[0])
    if (!name.success) {
      throw usageError(
        `"${args[0] ?? ''}" is no name of a model: it ${name.error.issues[0]?.message ?? 'is not valid'}.`,
      )
    }
    const tags = options.list('tag').map(readTag)
    const aliases = options.list('alias').map(readAlias)
    const client = await context.client()
    const run = await resolveRun(context, client, args[1] ?? '')
    const text = (option: string, key: string) => {
      const value = options.text(option)
      return value === undefined ? {} : { [key]: value }
    }
    const version = await client.models.register(run, {
      name: name.data,
      ...text('path', 'path'),
      ...text('framework', 'framework'),
      ...text('dataVersion', 'dataVersion'),
      ...text('description', 'description'),
      tags: Object.fromEntries(tags),
      aliases,
    })
    await printVersion(context, version)
    context.say(`To staging: sweep model promote ${version.model}@${version.version} staging`)
    return undefined
  },
}

export const alias: Command = {
  async run(context, args, options) {
    const given = args[1] ?? ''
    const client = await context.client()
    if (options.flag('remove')) {
      const { name } = splitModelName(args[0] ?? '')
      await client.models.removeAlias(name, given)
      await context.printRecord({ model: name, alias: given, removed: true }, [['removed', given]], given)
      return undefined
    }
    const { name, version } = requireVersionName(args[0] ?? '')
    const named = await client.models.setAlias(name, readAlias(given), version)
    await printVersion(context, named)
    return undefined
  },
}

export const remove: Command = {
  async run(context, args) {
    const text = args[0] ?? ''
    const { name, version } = splitModelName(text)
    const client = await context.client()
    if (version === undefined) {
      const { versions } = await client.models.get(name)
      const what = `Delete model ${name}, its ${versions} versions and their history?`
      if (!(await context.confirm(what))) return undefined
      await client.models.remove(name)
    } else {
      const found = await client.models.version(name, version)
      if (!(await context.confirm(`Delete version ${found.version} of model ${name}?`))) return undefined
      await client.models.removeVersion(name, String(found.version))
    }
    await context.printRecord({ name: text, removed: true }, [['removed', text]], text)
    return undefined
  },
}

/** One version, with what has made it; `data` is what programs get of it. */
export async function printVersion(
  context: CliContext,
  version: ModelVersionView,
  data: unknown = version,
): Promise<void> {
  const { origin } = version
  const commit = origin.commit === null ? undefined : `${origin.commit}${origin.dirty === true ? ' (changed)' : ''}`
  const fields: readonly (readonly [string, Cell])[] = [
    ['model', version.model],
    ['version', version.version],
    ['stage', version.stage],
    ['aliases', version.aliases.join(', ') || undefined],
    ['description', version.description || undefined],
    [
      'tags',
      Object.entries(version.tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || undefined,
    ],
    ['run', version.runId ?? undefined],
    ['path', version.path ?? undefined],
    ['source', version.source ?? undefined],
    ['files', `${version.files}, ${version.sizeBytes} bytes`],
    ['framework', version.framework ?? undefined],
    ['signature', version.signature === null ? undefined : JSON.stringify(version.signature)],
    ['metrics', valuesText(lastValues(version)) || undefined],
    ['config', configText(origin.config, shortNumber) || undefined],
    ['data version', origin.dataVersion ?? undefined],
    ['commit', commit],
    ['duration', origin.durationMs === null ? undefined : formatDuration(origin.durationMs)],
    ['registered', `${version.createdAt} by ${version.createdBy}`],
  ]
  await context.printRecord(data, fields, `${version.model}@${version.version}`)
}

function lastValues({ origin }: ModelVersionView): Record<string, number> {
  return Object.fromEntries(
    Object.entries(origin.metrics)
      // Samples of the machine say nothing of the model.
      .filter(([name]) => !name.startsWith('system/'))
      .map(([name, { last }]) => [name, last]),
  )
}

function aliasesText(aliases: Readonly<Record<string, number>>): string {
  return Object.entries(aliases)
    .map(([name, version]) => `${name}=${version}`)
    .join(' ')
}

function readAlias(text: string): string {
  const read = ModelAlias.safeParse(text)
  if (read.success) return read.data
  throw usageError(`"${text}" can't be an alias: it ${read.error.issues[0]?.message ?? 'is not valid'}.`)
}

function readTag(text: string): [string, string] {
  const at = text.indexOf('=')
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
