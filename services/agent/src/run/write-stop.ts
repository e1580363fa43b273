import type { RunFolder } from '@sweep/launchers/run-folder'
import type { Logger } from 'pino'
import type { AgentHome } from '../home/agent-home.ts'
import type { LiveRecord } from '../home/live-record.ts'

/**
 * Writes down that a program is to stop; false where it can't learn it from its folder.
 * @param record undefined while the program has none
 */
export function writeStop(
  stop: NonNullable<LiveRecord['stop']>,
  record: LiveRecord | undefined,
  folder: RunFolder,
  home: AgentHome,
  log: Logger,
): boolean {
  try {
    // The record first: whoever restarts us must know why the program is ending.
    if (record !== undefined) home.keepLive(record)
  } catch (error) {
    log.warn({ err: error }, 'stop not recorded')
  }
  try {
    const save = stop.reason === 'paused' || stop.reason === 'preempted'
    folder.writeControl({ stop: stop.reason, save, reason: stop.verdict.reason })
    return true
  } catch (error) {
    log.warn({ err: error }, 'control.json not written; signals will do')
    return false
  }
}
