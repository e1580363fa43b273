import type { AgentEvent } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { Backoff } from './backoff.ts'
import type { ServerApi } from './server-api.ts'

/** The server sends something at least every 15 s. */
const STREAM_SILENCE_MS = 45_000

export interface FollowOptions {
  readonly api: ServerApi
  readonly onEvent: (event: AgentEvent) => void
  readonly random: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Listens for decisions until closed; they arrive sooner so than with an answer to a report or heartbeat. */
export async function followDecisions({ api, onEvent, random, log, signal }: FollowOptions): Promise<void> {
  const backoff = new Backoff(random)
  const options = { silenceMs: STREAM_SILENCE_MS, signal, onOpen: () => backoff.reset() }
  while (!signal.aborted) {
    try {
      await api.follow(onEvent, options)
    } catch (error) {
      if (signal.aborted) return
      log.debug({ err: error }, 'stream of decisions broke')
    }
    await backoff.wait(signal)
  }
}
