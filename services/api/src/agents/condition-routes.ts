import { AgentId } from '@sweep/spec/ids'
import { AgentCondition } from '@sweep/spec/wire/agent-protocol'
import { AgentQueueCheck } from '@sweep/spec/wire/api'
import { keepCondition } from '@sweep/store/agents'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { noAgent } from './known-agents.ts'
import { checkAgentQueue } from './queue-check.ts'

/** How agents hear of work, for people who ask why they do not hear of it as they should. */
export function addConditionRoutes(app: App, { agentUsers, database, settings }: ApiContext): void {
  app.post(
    '/agents/:id/condition',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'What only the agent knows of how it works',
        params: z.strictObject({ id: AgentId }),
        body: AgentCondition,
        response: { 200: z.strictObject({}) },
      },
    },
    async ({ body, params }) => {
      if (!(await keepCondition(database, params.id, body))) throw noAgent(params.id)
      return {}
    },
  )

  app.get(
    '/queue-check',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Whether agents can use the queue that this server offers them',
        response: { 200: AgentQueueCheck },
      },
    },
    () => checkAgentQueue(settings, agentUsers),
  )
}
