import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { FactBody } from '@sweep/spec/facts'
import type { FactView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { loadFacts } from '../load-facts.ts'
import { resolveSweep } from '../names.ts'
import type { Column } from '../output.ts'

const COLUMNS: readonly Column<FactView>[] = [
  { name: 'seq', value: (fact) => fact.seq, align: 'right' },
  { name: 'at', value: (fact) => fact.at, show: (fact) => fact.at.slice(11, 23) },
  { name: 'kind', value: (fact) => kindOf(fact) },
  { name: 'trial', value: (fact) => trialOf(fact), align: 'right' },
  { name: 'body', value: (fact) => restOf(fact), flexible: true, minWidth: 12 },
]

export const command: Command = {
  async run(context, args, options) {
    const kinds = options.list('kind')
    const known = FactBody.options.map((option) => option.shape.kind.value)
    for (const kind of kinds) {
      if (known.some((name) => name === kind)) continue
      throw usageError(`"${kind}" is no kind of fact.`, didYouMeanHint(kind, known) ?? `Kinds are ${known.join(', ')}.`)
    }
    const client = await context.client()
    const id = await resolveSweep(context, client, args[0] ?? '')
    const facts: FactView[] = []
    for await (const page of loadFacts(client, id, options.whole('after', 0))) {
      facts.push(...page.filter((fact) => kinds.length === 0 || kinds.includes(kindOf(fact))))
    }
    await context.printRows(facts, COLUMNS, (fact) => String(fact.seq))
    return undefined
  },
}

function bodyOf(fact: FactView): Record<string, unknown> {
  return typeof fact.body === 'object' && fact.body !== null ? { ...fact.body } : {}
}

function kindOf(fact: FactView): string {
  return String(bodyOf(fact)['kind'])
}

function trialOf(fact: FactView): number | undefined {
  const { trial } = bodyOf(fact)
  return typeof trial === 'number' ? trial : undefined
}

function restOf(fact: FactView): string {
  const { kind: _kind, trial: _trial, ...rest } = bodyOf(fact)
  return JSON.stringify(rest)
}
