import { z } from 'zod'
import { SweepId } from '../ids.ts'
import { EventBody, EventKind, Threshold, WEBHOOK_FORMATS } from '../webhooks.ts'

const Time = z.iso.datetime()

/** `POST /webhooks`. */
export const CreateWebhook = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  url: z.string().min(1).max(2000),
  /** Signs what is sent; made by the server where it is absent. */
  secret: z.string().min(16).max(200).optional(),
  format: z.enum(WEBHOOK_FORMATS).default('json'),
  /** All when absent. */
  kinds: z.array(EventKind).min(1).max(50).optional(),
  /** Name of the project that it is told of; of any when absent. */
  project: z.string().max(200).optional(),
  sweepId: SweepId.optional(),
  thresholds: z.array(Threshold).max(20).default([]),
})
export type CreateWebhook = z.input<typeof CreateWebhook>

/** `PATCH /webhooks/:id`: what is named is changed; null means all. */
export const ChangeWebhook = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  url: z.string().min(1).max(2000).optional(),
  kinds: z.array(EventKind).min(1).max(50).nullable().optional(),
})
export type ChangeWebhook = z.infer<typeof ChangeWebhook>

/** Never with its secret, and of the address only what may be shown: the path of a Slack address is a secret too. */
export const WebhookView = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** Scheme, host and port. */
  host: z.string(),
  format: z.enum(WEBHOOK_FORMATS),
  kinds: z.array(EventKind).nullable(),
  project: z.string().nullable(),
  sweepId: SweepId.nullable(),
  thresholds: z.array(Threshold),
  createdBy: z.string(),
  createdAt: Time,
  /** Tries that the event it is at has failed. */
  tries: z.int(),
  lastError: z.string().nullable(),
  lastSentAt: Time.nullable(),
  /** Events that were set aside. */
  deadLetters: z.int(),
})
export type WebhookView = z.infer<typeof WebhookView>

/** The secret is shown this once. */
export const WebhookCreated = z.strictObject({ webhook: WebhookView, secret: z.string() })
export type WebhookCreated = z.infer<typeof WebhookCreated>

export const WebhookList = z.strictObject({ webhooks: z.array(WebhookView) })
export type WebhookList = z.infer<typeof WebhookList>

/** Of `POST /webhooks/:id/test` and of a redelivery. */
export const WebhookSent = z.strictObject({
  delivered: z.boolean(),
  status: z.int().nullable(),
  error: z.string().nullable(),
})
export type WebhookSent = z.infer<typeof WebhookSent>

export const DeadLetter = z.strictObject({
  seq: z.int(),
  body: EventBody,
  error: z.string(),
  tries: z.int(),
  failedAt: Time,
})
export const DeadLetterList = z.strictObject({ deadLetters: z.array(DeadLetter) })
export type DeadLetterList = z.infer<typeof DeadLetterList>
