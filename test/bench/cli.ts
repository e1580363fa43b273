import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { DIST } from '../support/server.ts'
import { atMost, type Check, figure, quantile } from './check.ts'

const RUNS = 21

/** Start-up of the command beside an empty Node process, in turn. */
export async function cli(): Promise<Check[]> {
  const help: number[] = []
  const empty: number[] = []
  for (let run = 0; run < RUNS; run += 1) {
    empty.push(time(['-e', '0']))
    help.push(time([join(DIST, 'sweep.js'), '--help']))
  }
  return [
    figure('empty Node process, median', quantile(empty, 0.5), 'ms'),
    figure('sweep --help, median', quantile(help, 0.5), 'ms'),
    atMost('sweep --help over an empty Node process', quantile(help, 0.5) - quantile(empty, 0.5), 'ms', 80),
  ]
}

function time(args: string[]): number {
  const begin = performance.now()
  const result = spawnSync(process.execPath, args, { stdio: 'ignore' })
  if (result.status !== 0) throw new Error(`node ${args.join(' ')} ended with ${result.status}`)
  return performance.now() - begin
}
