import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTimeOf } from '@sweep/launchers/process/process-identity'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AgentProcess } from './agent-process.ts'

let folder: string
let agent: AgentProcess | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-agent-process-'))
})
afterEach(async () => {
  await agent?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a program in the agent's place, which appends to `$LOG`. */
function startAs(program: string): () => string[] {
  const path = join(folder, 'agent.mjs')
  const log = join(folder, 'log')
  writeFileSync(log, '')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'\nconst say = (text) => appendFileSync(process.env.LOG, text + '\\n')\n${program}`,
  )
  agent = new AgentProcess({ path, env: { LOG: log, GREETING: 'hello' }, log: pino({ level: 'silent' }) })
  agent.start()
  return () => readFileSync(log, 'utf8').trim().split('\n')
}

function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 20_000, interval: 10 })
}

test('an agent is asked to end, and waited for', async () => {
  const lines = startAs(`
    process.stdin.resume()
    process.on('SIGTERM', () => { say('asked'); setTimeout(() => { say('drained'); process.exit(0) }, 100) })
    say(process.env.GREETING)`)
  await until(() => lines().includes('hello'))
  await agent?.stop()
  expect(lines()).toEqual(['hello', 'asked', 'drained'])
})

test('an agent that ends by itself is started again, until the server stops', async () => {
  const lines = startAs(`say('began'); process.exit(3)`)
  await until(() => lines().length >= 2)
  await agent?.stop()
  const count = lines().length
  const pid = agent?.pid
  expect(pid === undefined || startTimeOf(pid) === null).toBe(true)
  expect(lines().length).toBe(count)
})

test('its standard input is a pipe, in a session of its own', async () => {
  const lines = startAs(`
    import { readFileSync, fstatSync } from 'node:fs'
    const stat = readFileSync('/proc/self/stat', 'utf8')
    say(String(fstatSync(0).isFIFO() || fstatSync(0).isSocket()))
    say(String(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === process.pid))
    process.stdin.resume()`)
  await until(() => lines().length === 2)
  expect(lines()).toEqual(['true', 'true'])
})
