import type {
  ChangeWebhook,
  CreateWebhook,
  DeadLetterList,
  WebhookCreated,
  WebhookList,
  WebhookSent,
  WebhookView,
} from '@sweep/spec/wire/webhooks'
import type { Http } from './http.ts'

export interface Webhooks {
  /** It is told of what happens from now on. The secret is shown this once. */
  add(body: CreateWebhook): Promise<WebhookCreated>
  list(): Promise<WebhookList>
  get(id: string): Promise<WebhookView>
  change(id: string, changes: ChangeWebhook): Promise<WebhookView>
  remove(id: string): Promise<void>
  /** Sends an event of kind `test` now. */
  test(id: string): Promise<WebhookSent>
  /** Events that were set aside after too many tries, oldest first. */
  deadLetters(id: string): Promise<DeadLetterList>
  /** Sends one of those once more. */
  redeliver(id: string, seq: number): Promise<WebhookSent>
}

export function createWebhooks(http: Http): Webhooks {
  const path = (id: string) => `/webhooks/${encodeURIComponent(id)}`
  const post = (to: string, body?: unknown) => http.json({ method: 'POST', path: to, body })

  return {
    add: async (body) => (await post('/webhooks', body)) as WebhookCreated,
    list: async () => (await http.json({ path: '/webhooks' })) as WebhookList,
    get: async (id) => (await http.json({ path: path(id) })) as WebhookView,
    change: async (id, body) => (await http.json({ method: 'PATCH', path: path(id), body })) as WebhookView,
    remove: async (id) => {
      await http.json({ method: 'DELETE', path: path(id) })
    },
    test: async (id) => (await post(`${path(id)}/test`)) as WebhookSent,
    deadLetters: async (id) => (await http.json({ path: `${path(id)}/dead-letters` })) as DeadLetterList,
    redeliver: async (id, seq) => (await post(`${path(id)}/dead-letters/${seq}/redeliver`)) as WebhookSent,
  }
}
