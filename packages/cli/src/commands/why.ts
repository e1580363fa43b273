import type { Client } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import { type FactBody, FactBody as FactSchema } from '@sweep/spec/facts'
import type { Command } from '../command.ts'
import { type DatedFact, type Explanation, explainSweep, explainTrial, explainWait } from '../explain.ts'
import { loadFacts } from '../load-facts.ts'
import { resolveSweep, splitTrialName } from '../names.ts'
import { escapeText } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args) {
    const isTrial = args[1] !== undefined || /.\/\d+$/.test(args[0] ?? '')
    const named = isTrial ? splitTrialName(args) : { sweep: args[0] ?? '', number: undefined }
    const client = await context.client()
    const id = await resolveSweep(context, client, named.sweep)
    const facts: DatedFact[] = []
    for await (const page of loadFacts(client, id)) {
      for (const fact of page) {
        const body = readBody(fact.body)
        if (body !== undefined && isAbout(body, named.number))
          facts.push({ seq: fact.seq, at: Date.parse(fact.at), body })
      }
    }
    const lines =
      named.number === undefined
        ? explainSweep(await client.getSweep(id), facts, (await client.listAgents()).agents)
        : [...explainTrial(named.number, facts), ...(await explainNow(client, id, named.number))]
    if (named.number !== undefined && lines.length === 0) {
      throw new SweepError('not-found', `Sweep ${id} has no trial ${named.number}.`, {
        hint: `\`sweep trial ls ${id}\` lists its trials.`,
      })
    }
    const rows = lines.map((line) => ({
      ...line,
      time: line.at === undefined ? null : new Date(line.at).toISOString(),
    }))
    const data = rows.map(({ time, text, seq }) => ({ seq: seq ?? null, at: time, text }))
    if (context.isMachineReadable || context.process.stdout.isTTY !== true) {
      await context.printRows(
        rows,
        [
          { name: 'seq', value: (row) => row.seq },
          { name: 'at', value: (row) => row.time },
          { name: 'text', value: (row) => row.text },
        ],
        (row) => String(row.seq ?? ''),
        data,
      )
      return undefined
    }
    for (const row of rows) {
      const time = row.time === null ? ' '.repeat(8) : row.time.slice(11, 19)
      context.write(`${context.colors.dim(time)}  ${escapeText(row.text)}\n`)
    }
    return undefined
  },
}

async function explainNow(client: Client, sweepId: string, number: number): Promise<Explanation[]> {
  const trial = await client.getTrial(sweepId, number)
  const waiting = trial.state === 'queued' ? (await client.getSweep(sweepId)).reason : null
  return waiting === null ? explainWait(trial) : [{ text: `now waiting: ${waiting}` }]
}

/** Reports are many, and only those of one trial say anything. */
function isAbout(body: FactBody, trial: number | undefined): boolean {
  if (trial === undefined) return !('trial' in body)
  return 'trial' in body && body.trial === trial
}

function readBody(body: unknown): FactBody | undefined {
  const parsed = FactSchema.safeParse(body)
  return parsed.success ? parsed.data : undefined
}
