import type { default as Docker } from 'dockerode'
import { z } from 'zod'
import { isEngineAway } from './engine-errors.ts'

/** SIGINT, SIGQUIT, SIGKILL and SIGTERM, as the engine writes them; others don't end what does not want to. */
const ENDING: ReadonlySet<string> = new Set(['2', '3', '9', '15'])

const KillEvent = z
  .object({ Actor: z.object({ Attributes: z.object({ signal: z.string() }).loose() }).loose() })
  .loose()

/** An engine that takes longer is taken for one that is away. */
const ANSWER_MS = 10_000

/** The engine tells of the end and of the signal side by side: how long it may be late with the latter. */
const LATE_MS = 100

/**
 * Whether a container that has ended was sent a signal to end by the engine, or through it. What the engine does not
 * remember, or has no answer to, counts as no.
 *
 * @throws what the client says when the engine is away: one that is being stopped answers what was asked before, and
 * nothing new.
 */
export async function wasToldToEnd(engine: Docker, id: string, { StartedAt }: { StartedAt: string }): Promise<boolean> {
  const since = Math.floor(Date.parse(StartedAt) / 1000)
  // In parts of a second: the engine answers no sooner than that, and each container's end waits for it.
  const until = (Date.now() + LATE_MS) / 1000
  const filters = { type: ['container' as const], container: [id], event: ['kill'] }
  const abortSignal = AbortSignal.timeout(ANSWER_MS)
  let text = ''
  try {
    const events = (await engine.getEvents({ since, until, filters, abortSignal })) as unknown as AsyncIterable<Buffer>
    for await (const chunk of events) text += chunk.toString()
  } catch (error) {
    if (hasEndingSignal(text)) return true
    if (isEngineAway(error) || abortSignal.aborted) throw error
  }
  return hasEndingSignal(text)
}

function hasEndingSignal(text: string): boolean {
  return text.split('\n').some((line) => {
    const event = KillEvent.safeParse(parse(line))
    return event.success && ENDING.has(event.data.Actor.Attributes.signal)
  })
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
