import { EVENT_KINDS, type EventKind, type Threshold } from '@sweep/spec/webhooks'
import type { ChangeWebhook, DeadLetterList, WebhookSent, WebhookView } from '@sweep/spec/wire/webhooks'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import type { Column } from '../output.ts'

const COLUMNS: readonly Column<WebhookView>[] = [
  { name: 'id', value: (webhook) => webhook.id },
  { name: 'name', value: (webhook) => webhook.name, flexible: true, minWidth: 8 },
  { name: 'host', value: (webhook) => webhook.host, flexible: true, minWidth: 12 },
  { name: 'format', value: (webhook) => webhook.format },
  { name: 'kinds', value: (webhook) => webhook.kinds?.join(',') ?? 'all', flexible: true, minWidth: 8 },
  { name: 'sweep', value: (webhook) => webhook.sweepId },
  { name: 'project', value: (webhook) => webhook.project, wide: true },
  { name: 'sent', value: (webhook) => webhook.lastSentAt },
  { name: 'dead', value: (webhook) => webhook.deadLetters, align: 'right' },
  { name: 'error', value: (webhook) => webhook.lastError, flexible: true, minWidth: 8 },
]

export const add: Command = {
  async run(context, args, options) {
    const kinds = options.list('kind').map(readKind)
    const thresholds = [
      ...options.list('above').map((text) => readThreshold(text, 'above')),
      ...options.list('below').map((text) => readThreshold(text, 'below')),
    ]
    const client = await context.client()
    const sweep = options.text('sweep')
    const sweepId = sweep === undefined ? undefined : await resolveSweep(context, client, sweep)
    const name = options.text('name')
    const project = options.text('project')
    const { webhook, secret } = await client.webhooks.add({
      url: args[0] ?? '',
      format: options.flag('slack') ? 'slack' : 'json',
      thresholds,
      ...(kinds.length === 0 ? {} : { kinds }),
      ...(name === undefined ? {} : { name }),
      ...(project === undefined ? {} : { project }),
      ...(sweepId === undefined ? {} : { sweepId }),
    })
    context.say('The secret that signs what is sent is shown this once; keep it.')
    const fields = [
      ['id', webhook.id],
      ['host', webhook.host],
      ['secret', secret],
    ] as const
    await context.printRecord({ ...webhook, secret }, fields, webhook.id)
    return undefined
  },
}

export const update: Command = {
  async run(context, args, options) {
    const kinds = options.list('kind').map(readKind)
    const [name, url] = [options.text('name'), options.text('url')]
    const isForAll = options.flag('allKinds')
    if (isForAll && kinds.length > 0)
      throw usageError('--kind and --all-kinds contradict each other.', 'Leave one out.')
    const changes: ChangeWebhook = {
      ...(name === undefined ? {} : { name }),
      ...(url === undefined ? {} : { url }),
      ...(isForAll ? { kinds: null } : kinds.length === 0 ? {} : { kinds }),
    }
    if (Object.keys(changes).length === 0) {
      throw usageError('There is nothing to change.', 'Name --name, --url, --kind or --all-kinds.')
    }
    const webhook = await (await context.client()).webhooks.change(args[0] ?? '', changes)
    const fields = [
      ['id', webhook.id],
      ['name', webhook.name],
      ['host', webhook.host],
      ['kinds', webhook.kinds?.join(',') ?? 'all'],
    ] as const
    await context.printRecord(webhook, fields, webhook.id)
    return undefined
  },
}

export const list: Command = {
  async run(context) {
    const { webhooks } = await (await context.client()).webhooks.list()
    await context.printRows(webhooks, COLUMNS, (webhook) => webhook.id)
    return undefined
  },
}

export const remove: Command = {
  async run(context, args) {
    const id = args[0] ?? ''
    await (await context.client()).webhooks.remove(id)
    const fields = [
      ['id', id],
      ['removed', true],
    ] as const
    await context.printRecord({ id, removed: true }, fields, id)
    return undefined
  },
}

export const tryOut: Command = {
  async run(context, args) {
    const sent = await (await context.client()).webhooks.test(args[0] ?? '')
    return report(context, sent)
  },
}

const LETTER_COLUMNS: readonly Column<DeadLetterList['deadLetters'][number]>[] = [
  { name: 'seq', value: (letter) => letter.seq, align: 'right' },
  { name: 'kind', value: (letter) => letter.body.kind },
  { name: 'text', value: (letter) => letter.body.text, flexible: true, minWidth: 12 },
  { name: 'tries', value: (letter) => letter.tries, align: 'right' },
  { name: 'failed', value: (letter) => letter.failedAt },
  { name: 'error', value: (letter) => letter.error, flexible: true, minWidth: 12 },
]

export const dead: Command = {
  async run(context, args, options) {
    const id = args[0] ?? ''
    const client = await context.client()
    const { deadLetters } = await client.webhooks.deadLetters(id)
    if (!options.flag('redeliver')) {
      await context.printRows(deadLetters, LETTER_COLUMNS, (letter) => String(letter.seq))
      return undefined
    }
    // In their order, and no further than the first that fails again.
    for (const { seq } of deadLetters) {
      const sent = await client.webhooks.redeliver(id, seq)
      if (!sent.delivered) return report(context, sent)
    }
    context.say(`${deadLetters.length} delivered.`)
    return undefined
  },
}

async function report(context: CliContext, sent: WebhookSent): Promise<number | undefined> {
  const fields = [
    ['delivered', sent.delivered],
    ['status', sent.status ?? undefined],
    ['error', sent.error ?? undefined],
  ] as const
  await context.printRecord(sent, fields, String(sent.delivered))
  return sent.delivered ? undefined : 1
}

function readKind(text: string): EventKind {
  const kind = EVENT_KINDS.find((known) => known === text)
  if (kind === undefined) throw usageError(`"${text}" is no kind of event.`, `Kinds are ${EVENT_KINDS.join(', ')}.`)
  return kind
}

/** `val_accuracy=0.95`; the name may have an equals sign in it. */
function readThreshold(text: string, side: 'above' | 'below'): Threshold {
  const at = text.lastIndexOf('=')
  const bound = Number(text.slice(at + 1))
  if (at < 1 || text.slice(at + 1).trim() === '' || !Number.isFinite(bound)) {
    throw usageError(`"${text}" is no bound on a metric.`, `Write for example --${side} val_accuracy=0.95.`)
  }
  return side === 'above' ? { metric: text.slice(0, at), above: bound } : { metric: text.slice(0, at), below: bound }
}
