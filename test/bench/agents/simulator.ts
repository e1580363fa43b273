import { type Measured, SimulatedAgent } from './simulated-agent.ts'

/**
 * A process full of agents, started by `agents.ts`: URL, token, how many agents, slots of each, the number of the first,
 * and how many reports there are to one that gets its trial pruned. Answers every line on standard input with a line of
 * JSON of what it measured since the last.
 */
const [url = '', token = '', count = '0', slots = '0', first = '0', reportsADecision = '100'] = process.argv.slice(2)

const measured: Measured = { claims: [], decisions: [], reports: [], fenced: 0, errors: 0 }
const agents = Array.from(
  { length: Number(count) },
  (_, index) =>
    new SimulatedAgent(`agent-${Number(first) + index}`, Number(slots), url, token, measured, Number(reportsADecision)),
)
// All at once is what a whole cluster does after an outage; a start is spread a little.
for (const agent of agents) {
  await agent.start()
}
process.stdout.write('ready\n')

for await (const _ of process.stdin) {
  const running = agents.reduce((sum, agent) => sum + agent.running, 0)
  process.stdout.write(`${JSON.stringify({ ...measured, running })}\n`)
  measured.claims = []
  measured.decisions = []
  measured.reports = []
  measured.fenced = 0
  measured.errors = 0
}
process.exit(0)
