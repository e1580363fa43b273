import { afterAll, expect, test } from 'vitest'
import { ComposeProject, composeCommand, isComposeAsked, WITHOUT_COMPOSE } from '../support/compose.ts'
import { freePort } from '../support/redis.ts'

const command = composeCommand()
const UNASKED = 'skipped: set SWEEP_TEST_COMPOSE=1, which builds the image'
let project: ComposeProject | undefined
afterAll(() => project?.remove())

test.skipIf(command === undefined)(
  `docker-compose takes the file, whose image one service builds${command === undefined ? ` (${WITHOUT_COMPOSE})` : ''}`,
  async () => {
    const read = await new ComposeProject(command ?? [], 0).run('--profile', 'demo', 'config')
    expect(read.status, read.output).toBe(0)
    expect(read.output.match(/^ +build:$/gm)).toHaveLength(1)
    expect(read.output.match(/^ +image: sweep:local$/gm)).toHaveLength(6)
  },
)

test.skipIf(!isComposeAsked)(
  `docker-compose starts everything and runs a sweep to its end by one command${isComposeAsked ? '' : ` (${UNASKED})`}`,
  async () => {
    project = new ComposeProject(command ?? [], await freePort())
    // An image that an earlier run left would do for the next command.
    const build = await project.run('build')
    expect(build.status, build.output).toBe(0)
    // The README's command, with fewer trials.
    const demo = await project.run('run', '--rm', '-T', 'demo', '--watch', '--set', 'budget.trials=4')
    expect(demo.output).toContain('the sweep is completed: its budget of 4 trials is used up')
    expect(demo.status).toBe(0)
    const health = await fetch(`http://127.0.0.1:${project.port}/api/v1/health`)
    expect(await health.json()).toMatchObject({ status: 'ok', database: 'ok' })

    // Agents take their tickets from Redis, each as a user of its own; what they run reaches neither Postgres nor the token.
    for (const agent of ['agent-1', 'agent-2']) {
      expect((await project.run('logs', '--no-color', agent)).output).toContain('claiming from the queue')
    }
    const users = await project.run('exec', '-T', 'redis', 'redis-cli', 'acl', 'users')
    expect(users.output.match(/^sweep-agent-/gm)).toHaveLength(2)
    const inAgent = async (script: string) => (await project?.run('exec', '-T', 'agent-1', 'sh', '-c', script))?.status
    expect(await inAgent('getent hosts redis')).toBe(0)
    expect(await inAgent('getent hosts postgres')).not.toBe(0)
    expect(await inAgent('test -e /run/sweep/token')).not.toBe(0)

    // Nobody is let in without a token, and the one that was made for people lets them in.
    const sweeps = `http://127.0.0.1:${project.port}/api/v1/sweeps`
    expect((await fetch(sweeps)).status).toBe(401)
    const token = (await project.run('exec', '-T', 'api', 'cat', '/run/sweep/token')).output.trim()
    const reply = await fetch(sweeps, { headers: { authorization: `Bearer ${token}` } })
    expect(await reply.json()).toMatchObject({ sweeps: [{ name: 'digits', state: 'completed' }] })
  },
  900_000,
)
