import { SweepError } from '@sweep/spec/errors'
import { newId } from '@sweep/spec/ids'
import type { EventBody } from '@sweep/spec/webhooks'
import {
  ChangeWebhook,
  CreateWebhook,
  DeadLetterList,
  WebhookCreated,
  WebhookList,
  WebhookSent,
  WebhookView,
} from '@sweep/spec/wire/webhooks'
import {
  changeWebhook,
  createWebhook,
  deadLetters,
  deleteWebhook,
  dropDeadLetter,
  getWebhook,
  listWebhooks,
  type WebhookRecord,
} from '@sweep/store/webhooks/webhooks'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { knownSweep } from '../sweeps/sweep-routes.ts'
import { checkedAddress, parseWebhookUrl } from './public-address.ts'
import { sendWebhook } from './send-webhook.ts'
import { sendOptions } from './webhook-courier.ts'

const WebhookPath = z.strictObject({ id: z.string().min(1).max(20) })
const LetterPath = WebhookPath.extend({ seq: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) })
const MOST_WEBHOOKS = 100
const MOST_LETTERS = 1000

export function addWebhookRoutes(app: App, context: ApiContext): void {
  const { clock, database, log, randomBytes, settings } = context
  const allowPrivate = settings.privateWebhooks === true

  /** So that whoever makes it learns at once what would fail at every event. */
  async function checkUrl(text: string): Promise<string> {
    const url = parseWebhookUrl(text)
    try {
      await checkedAddress(url, { allowPrivate })
    } catch (error) {
      // A host that is not known yet may be soon.
      if (!(error instanceof SweepError && error.code === 'unreachable')) throw error
    }
    return url.href
  }

  app.get(
    '/webhooks',
    {
      config: { access: 'operator' },
      schema: { summary: 'Webhooks, without their secrets', response: { 200: WebhookList } },
    },
    async () => ({ webhooks: (await listWebhooks(database)).map(webhookView) }),
  )

  app.post(
    '/webhooks',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Make a webhook, which is told of what happens from now on; its secret is shown this once',
        body: CreateWebhook,
        response: { 201: WebhookCreated },
      },
    },
    async (request, reply) => {
      const { body } = request
      const url = await checkUrl(body.url)
      if (body.sweepId !== undefined) await knownSweep(body.sweepId, context)
      if ((await listWebhooks(database)).length >= MOST_WEBHOOKS) {
        throw new SweepError('conflict', `there are ${MOST_WEBHOOKS} webhooks already`, { hint: 'Remove one first.' })
      }
      const id = newId(randomBytes)
      const secret = body.secret ?? `swh_${Buffer.from(randomBytes(32)).toString('base64url')}`
      await createWebhook(database, {
        ...{ id, url, secret, format: body.format, thresholds: body.thresholds },
        name: body.name ?? new URL(url).hostname,
        kinds: body.kinds ?? null,
        project: body.project ?? null,
        sweepId: body.sweepId ?? null,
        createdBy: principalName(request.principal),
      })
      log.info({ webhook: id, by: principalName(request.principal) }, 'webhook made')
      return reply.status(201).send({ webhook: webhookView(await getWebhook(database, id)), secret })
    },
  )

  app.get(
    '/webhooks/:id',
    {
      config: { access: 'operator' },
      schema: { summary: 'One webhook', params: WebhookPath, response: { 200: WebhookView } },
    },
    async (request) => webhookView(await getWebhook(database, request.params.id)),
  )

  app.patch(
    '/webhooks/:id',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change the name, the address or the kinds of a webhook',
        params: WebhookPath,
        body: ChangeWebhook,
        response: { 200: WebhookView },
      },
    },
    async (request) => {
      const { id } = request.params
      const { url, ...rest } = request.body
      await changeWebhook(database, id, url === undefined ? rest : { ...rest, url: await checkUrl(url) })
      return webhookView(await getWebhook(database, id))
    },
  )

  app.delete(
    '/webhooks/:id',
    {
      config: { access: 'operator' },
      schema: { summary: 'Remove a webhook and what was set aside', params: WebhookPath },
    },
    async (request, reply) => {
      await deleteWebhook(database, request.params.id)
      log.info({ webhook: request.params.id, by: principalName(request.principal) }, 'webhook removed')
      return reply.status(204).send()
    },
  )

  app.post(
    '/webhooks/:id/test',
    {
      config: { access: 'operator' },
      schema: { summary: 'Send an event of kind test now', params: WebhookPath, response: { 200: WebhookSent } },
    },
    async (request) => {
      const webhook = await getWebhook(database, request.params.id)
      const now = clock.now()
      const body: EventBody = {
        ...{ kind: 'test', at: new Date(now).toISOString(), project: webhook.project, experiment: null },
        ...{ sweep: null, trial: null, run: null, data: {} },
        text: `a test of webhook ${webhook.name} by ${principalName(request.principal)}`,
      }
      const sent = await sendWebhook(webhook, 0, body, sendOptions({ allowPrivate }, now))
      return { delivered: sent.error === null, ...sent }
    },
  )

  app.get(
    '/webhooks/:id/dead-letters',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Events that were set aside after too many tries, oldest first',
        params: WebhookPath,
        response: { 200: DeadLetterList },
      },
    },
    async (request) => {
      const { id } = await getWebhook(database, request.params.id)
      const letters = await deadLetters(database, id, { limit: MOST_LETTERS })
      return {
        deadLetters: letters.map(({ failedAt, ...letter }) => ({ ...letter, failedAt: failedAt.toISOString() })),
      }
    },
  )

  app.post(
    '/webhooks/:id/dead-letters/:seq/redeliver',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Send an event that was set aside once more; it is gone from the list when the receiver has taken it',
        params: LetterPath,
        response: { 200: WebhookSent },
      },
    },
    async (request) => {
      const { id, seq } = request.params
      const webhook = await getWebhook(database, id)
      const [letter] = await deadLetters(database, id, { limit: 1, seq })
      if (letter === undefined) throw new SweepError('not-found', `webhook ${id} has no event ${seq} set aside`)
      const sent = await sendWebhook(webhook, seq, letter.body, sendOptions({ allowPrivate }, clock.now()))
      if (sent.error === null) await dropDeadLetter(database, id, seq)
      return { delivered: sent.error === null, ...sent }
    },
  )
}

function webhookView(webhook: WebhookRecord): WebhookView {
  const { url, secret: _, kinds, thresholds, createdAt, lastSentAt, ...rest } = webhook
  return {
    ...rest,
    host: new URL(url).origin,
    kinds: kinds === null ? null : [...kinds],
    thresholds: [...thresholds],
    createdAt: createdAt.toISOString(),
    lastSentAt: lastSentAt?.toISOString() ?? null,
  }
}
