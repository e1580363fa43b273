import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import type { AgentView } from '@sweep/spec/wire/api'
import type { CliContext } from '../context.ts'
import type { Check } from './check.ts'

/** Whether there is somebody to run trials, how they hear of work, and whether they can hear of it as they should. */
export async function checkAgents(context: CliContext): Promise<Check[]> {
  try {
    const { agents } = await (await context.client()).listAgents()
    const ready = agents.filter((agent) => agent.state === 'ready')
    return [readyAgents(ready), ...(await checkQueue(context)), ...ready.flatMap(queueTrouble), ...lostJobs(ready)]
  } catch (error) {
    return [{ name: 'agents', status: 'yellow', seen: messageOf(error) }]
  }
}

function readyAgents(ready: readonly AgentView[]): Check {
  const name = 'agents'
  if (ready.length === 0) {
    const fix = 'Run `sweep agent start` where trials shall run.'
    return { name, status: 'yellow', seen: 'none is ready', fix }
  }
  const slots = ready.reduce((sum, agent) => sum + agent.slots, 0)
  const by = (claims: string) => ready.filter((agent) => agent.condition?.claims === claims).length
  const ways = [`${by('queue')} claim from the queue`, `${by('http')} over HTTP`]
  const unknown = ready.length - by('queue') - by('http')
  if (unknown > 0) ways.push(`${unknown} do not say how`)
  return { name, status: 'green', seen: `${ready.length} ready, with ${slots} slots; ${ways.join(', ')}` }
}

/** Nothing where the server offers no queue, or is too old to say. */
async function checkQueue(context: CliContext): Promise<Check[]> {
  const name = 'agent queue'
  const check = await (await context.client()).checkAgentQueue().catch((error: unknown) => {
    if (error instanceof SweepError && error.code === 'not-found') return { status: 'not-offered' as const }
    throw error
  })
  switch (check.status) {
    case 'not-offered':
      return []
    case 'ok':
      return [{ name, status: 'green', seen: `Redis at ${check.address} answers the server and lets agents in` }]
    case 'failed':
      return [
        {
          name,
          status: 'yellow',
          seen: `Redis at ${check.address}, as agents are told: ${check.problem}`,
          fix: 'Agents claim over HTTP meanwhile. Correct SWEEP_AGENT_REDIS_URL of the server, or unset it.',
        },
      ]
    default:
      return assertNever(check)
  }
}

function queueTrouble({ condition, name }: AgentView): Check[] {
  if (condition?.queueTrouble === undefined) return []
  return [
    {
      name: `agent ${name}`,
      status: 'yellow',
      seen: `claims over HTTP: ${condition.queueTrouble}`,
      fix: 'Let its host reach that Redis, or start it with --claim http.',
    },
  ]
}

/** Namespaces in which agents were lost, where no agent may look for the Jobs that they left. */
function lostJobs(ready: readonly AgentView[]): Check[] {
  const looks = ready.flatMap(({ condition }) => condition?.lostNamespaces ?? [])
  const open = new Set(looks.filter(({ problem }) => problem === undefined).map(({ namespace }) => namespace))
  const closed = new Map(looks.map(({ namespace, problem }) => [namespace, problem]))
  return [...closed].flatMap(([namespace, problem]) =>
    problem === undefined || open.has(namespace)
      ? []
      : [
          {
            name: 'lost jobs',
            status: 'yellow' as const,
            seen: `an agent was lost with Jobs in namespace ${namespace}, where no other may look: ${problem}`,
            fix: `Give an agent the rights of deploy/kubernetes/tenant there, or run \`kubectl -n ${namespace} get jobs -l sweep-hpo/sweep\`.`,
          },
        ],
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
