import type { AttemptId, SweepId } from '@sweep/spec/ids'
import { type Assignment, ClaimReply } from '@sweep/spec/wire/agent-protocol'
import { createTestSweep, ROOM, registerTestAgent, type TestAgent, type TestApi, TestController } from './test-api.ts'

export interface MlflowReply {
  readonly status: number
  // What MLflow's clients make of it is for each test to say.
  // biome-ignore lint/suspicious/noExplicitAny: bodies of another's making
  readonly body: any
}

/** Sends what MLflow's Python client sends, over a real connection. */
export class MlflowCaller {
  readonly #api: TestApi
  readonly token: string | undefined
  readonly prefix: string

  constructor(api: TestApi, token: string | undefined, prefix = '/api/2.0/mlflow') {
    this.#api = api
    this.token = token
    this.prefix = prefix
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<MlflowReply> {
    const response = await fetch(`${this.#api.api.url}${path}`, {
      method,
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }

  post(call: string, body: object): Promise<MlflowReply> {
    return this.send('POST', `${this.prefix}/${call}`, body)
  }

  get(call: string, query: Record<string, string>): Promise<MlflowReply> {
    return this.send('GET', `${this.prefix}/${call}?${new URLSearchParams(query)}`)
  }

  /** The body of a reply that must be one of success. */
  // biome-ignore lint/suspicious/noExplicitAny: bodies of another's making
  async ok(reply: Promise<MlflowReply>): Promise<any> {
    const { status, body } = await reply
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    return body
  }

  /** The id of an experiment with a name of its own. */
  async newExperiment(): Promise<string> {
    experiments += 1
    return (await this.ok(this.post('experiments/create', { name: `experiment ${experiments}` }))).experiment_id
  }

  /** The id of a run, of the default experiment where the fields name none. */
  async newRun(fields: object = {}): Promise<string> {
    const body = { experiment_id: '0', user_id: 'me', start_time: 1_700_000_000_123, tags: [], ...fields }
    return (await this.ok(this.post('runs/create', body))).run.info.run_id
  }
}

let experiments = 0

export interface RunningTrial {
  readonly sweepId: SweepId
  readonly attemptId: AttemptId
  readonly runId: string
  readonly agent: TestAgent
  readonly assignment: Assignment
}

let pools = 0

/** A trial that an agent of its own has claimed. */
export async function startTrial(api: TestApi, yaml: string): Promise<RunningTrial> {
  pools += 1
  const pool = `mlflow-${pools}`
  const agent = await registerTestAgent(api, { queues: [pool] })
  const sweepId = await createTestSweep(api, `${yaml}queue: ${pool}\n`)
  const [attemptId] = await new TestController(api).issue(sweepId, 1)
  const body = { room: ROOM, max: 1, waitMs: 20_000 }
  const reply = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
  const [assignment] = ClaimReply.parse(reply.body).assignments
  if (assignment === undefined || attemptId === undefined) throw new Error(`nothing was claimed: ${reply.text}`)
  return { sweepId, attemptId, runId: `${sweepId}-${assignment.trial}`, agent, assignment }
}
