import { spawn } from 'node:child_process'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { warnOfOtherVersion } from '../local/ensure-server.ts'
import { builtFile } from '../local/package-files.ts'
import { healthOf, runningServer, type ServerOptions, serverEnvironment, startServer } from '../local/server-process.ts'
import type { Options } from '../options.ts'
import { serverFields } from '../server-record.ts'

export const command: Command = {
  async run(context, _args, options) {
    const server: ServerOptions = {
      port: readPort(options, 'port', '--port'),
      grpcPort: readPort(options, 'grpcPort', '--grpc-port'),
      slots: options.whole('slots'),
      gpus: readGpus(options.text('gpus')),
      withAgent: options.notDenied('agent'),
    }
    if (options.flag('foreground')) return foreground(context, server)
    const { server: started, isNew } = await startServer(context, server)
    context.say(isNew ? 'The server runs.' : 'The server runs already; options of this call change nothing.')
    if (!isNew) await warnOfOtherVersion(context)
    await context.printRecord(started, serverFields(started, context), started.url)
    return undefined
  },
}

function readPort(options: Options, name: string, flag: string): number | undefined {
  const port = options.whole(name, 0)
  if (port !== undefined && port > 65_535) throw usageError(`${flag} ${port} is no port.`, 'Ports go up to 65535.')
  return port
}

export function readGpus(text: string | undefined): string | undefined {
  if (text !== undefined && !/^(none|all|\d+(,\d+)*)$/.test(text)) {
    throw usageError(
      `--gpus "${text}" is no list of GPUs.`,
      'Write for example --gpus 0,1, or none; nvidia-smi -L lists them.',
    )
  }
  return text
}

async function foreground(context: CliContext, options: ServerOptions): Promise<number> {
  const { home } = context.settings
  const running = await runningServer(home)
  if (running !== undefined && (await healthOf(running.url)) !== undefined) {
    context.say(`The server runs already at ${running.url} (process ${running.pid}).`)
    return 0
  }
  return runAttached(context, [builtFile('standalone.js')], serverEnvironment(context, options))
}

/** Runs a program of ours in the foreground: signals go on to it, its exit code is ours. */
export function runAttached(
  context: CliContext,
  argv: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const interrupted = context.process.interrupted()
  return new Promise((resolve, reject) => {
    // A group of its own, so that Ctrl-C reaches it once, from us.
    const child = spawn(process.execPath, argv, { env, stdio: 'inherit', detached: true })
    interrupted.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGTERM' ? 0 : 1)))
  })
}
