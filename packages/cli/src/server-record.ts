import { join } from 'node:path'
import { formatDuration } from '@sweep/spec/units'
import type { CliContext } from './context.ts'
import type { ServerFile } from './local/server-process.ts'
import type { Cell } from './output.ts'

/** The local server as lines of `name  value`. */
export function serverFields(server: ServerFile, context: CliContext): (readonly [string, Cell])[] {
  const upMs = context.process.now() - server.startedAt
  return [
    ['url', server.url],
    ...(server.grpc === undefined ? [] : [['grpc', server.grpc] as const]),
    ['pid', server.pid],
    ['version', server.version],
    ['up', Number.isFinite(upMs) ? formatDuration(Math.max(0, upMs)) : undefined],
    ['home', context.settings.home],
    ['log', join(context.settings.home, 'server.log')],
  ]
}
