import type { FindingView } from '@sweep/spec/wire/health'
import type { Command } from '../command.ts'
import { resolveSweep } from '../names.ts'
import type { Column } from '../output.ts'

const COLUMNS: readonly Column<FindingView>[] = [
  { name: 'trial', value: (finding) => finding.trial, align: 'right' },
  { name: 'rule', value: (finding) => finding.rule },
  { name: 'severity', value: (finding) => finding.severity },
  { name: 'since', value: (finding) => finding.since, align: 'right' },
  { name: 'message', value: (finding) => finding.message, flexible: true, minWidth: 20 },
  { name: 'advice', value: (finding) => finding.advice, wide: true },
  { name: 'metric', value: (finding) => finding.metric, wide: true },
  { name: 'found', value: (finding) => finding.foundAt, wide: true },
  { name: 'cleared', value: (finding) => finding.clearedAt, wide: true },
]

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const id = await resolveSweep(context, client, args[0] ?? '')
    const reply = await client.sweepHealth(id, { cleared: options.flag('all') })
    const { findings, more } = reply
    await context.printRows(findings, COLUMNS, (finding) => `${finding.runId} ${finding.rule}`, reply)
    if (more) context.warn('There are more findings than are shown.')
    if (findings.length === 0) context.say('Nothing is wrong as far as the metrics show.')
    // Advice is the same for every trial with the same fault, so it is said once.
    const advice = new Map(findings.map((finding) => [finding.rule, finding.advice]))
    if (!context.isMachineReadable) {
      for (const [rule, text] of advice) context.say(`${rule}: ${text}`)
    }
    return undefined
  },
}
