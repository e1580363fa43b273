import { createServer } from 'node:net'
import type { CliContext } from '../context.ts'
import { DEFAULT_PORT } from '../settings.ts'
import { healthOf, runningServer, type ServerFile, type ServerOptions, startServer } from './server-process.ts'

/**
 * Makes sure that there is a server: the configured one is taken as it is; without one the local server is started when
 * it does not run, and said so. Takes a free port where the usual one is taken by something else.
 *
 * @returns the server that was started here, undefined when there was one
 */
export async function ensureServer(context: CliContext, options: ServerOptions = {}): Promise<ServerFile | undefined> {
  if (context.flags.server !== undefined || context.settings.url !== undefined) {
    await warnOfOtherVersion(context)
    return undefined
  }
  const running = await runningServer(context.settings.home)
  if (running !== undefined && (await healthOf(running.url, 5000)) !== undefined) {
    await warnOfOtherVersion(context)
    return undefined
  }
  let port = options.port
  if (port === undefined && context.settings.port === undefined && !(await isFree(DEFAULT_PORT))) {
    context.say(`Port ${DEFAULT_PORT} is in use; taking a free one.`)
    port = 0
  }
  const { server, isNew } = await startServer(context, { ...options, port })
  context.say(`${isNew ? 'Started the local server at' : 'The local server is at'} ${server.url}`)
  return isNew ? server : undefined
}

/** Warns when the server is of another version than this command. */
export async function warnOfOtherVersion(context: CliContext): Promise<void> {
  const connection = await context.findConnection()
  const health = connection === undefined ? undefined : await healthOf(connection.url, 5000)
  if (health !== undefined && health.version !== context.version) {
    context.warn(
      `the server is version ${health.version}, this command ${context.version}; ` +
        'restart it (`sweep server stop`, `sweep server start`) or install the same version.',
    )
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
