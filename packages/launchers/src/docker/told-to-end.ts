import type { default as Docker } from 'dockerode'
import { z } from 'zod'

/** SIGINT, SIGQUIT, SIGKILL and SIGTERM, as the engine writes them; others don't end what does not want to. */
const ENDING: ReadonlySet<string> = new Set(['2', '3', '9', '15'])

const KillEvent = z
  .object({ Actor: z.object({ Attributes: z.object({ signal: z.string() }).loose() }).loose() })
  .loose()

/** An engine that takes longer is as good as one that does not remember. */
const ANSWER_MS = 2000

/**
 * Whether a container that has ended was sent a signal to end by the engine, or through it. What the engine does not
 * remember, or does not say, counts as no.
 */
export async function wasToldToEnd(engine: Docker, id: string, { StartedAt }: { StartedAt: string }): Promise<boolean> {
  const since = Math.floor(Date.parse(StartedAt) / 1000)
  const until = Math.ceil(Date.now() / 1000)
  const filters = { type: ['container' as const], container: [id], event: ['kill'] }
  const abortSignal = AbortSignal.timeout(ANSWER_MS)
  let text = ''
  try {
    const events = (await engine.getEvents({ since, until, filters, abortSignal })) as unknown as AsyncIterable<Buffer>
    for await (const chunk of events) text += chunk.toString()
  } catch {
    // What has come until then counts.
  }
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
