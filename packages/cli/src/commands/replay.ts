import { type Fact, FactBody } from '@sweep/spec/facts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { loadFacts } from '../load-facts.ts'
import { resolveSweep } from '../names.ts'
import { jsonText } from '../output.ts'

export const command: Command = {
  async run(context, args) {
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    const facts: Fact[] = []
    for await (const page of loadFacts(client, sweep.id)) {
      facts.push(...page.map((fact) => ({ ...FactBody.parse(fact.body), seq: fact.seq, at: new Date(fact.at) })))
    }
    // The one place where the command reaches past the client: replaying needs the algorithms themselves. They are
    // pure, and loaded only here.
    const { replay } = await import('@sweep/search/replay')
    const result = replay(sweep.document, facts)
    const isSame = result.differences.length === 0
    await context.printRecord(
      { sweep: sweep.id, same: isSame, ...result },
      [
        ['sweep', sweep.id],
        ['facts', result.facts],
        ['suggestions', result.suggestions],
        ['decisions', result.decisions],
        ['differences', result.differences.length],
      ],
      sweep.id,
    )
    for (const { seq, expected, got } of result.differences.slice(0, 10)) {
      context.warn(`fact ${seq} says ${jsonText(got)}, but the facts before it give ${jsonText(expected)}`)
    }
    if (isSame) context.say('The facts give the same suggestions and decisions again.')
    return isSame ? EXIT.ok : EXIT.failed
  },
}
