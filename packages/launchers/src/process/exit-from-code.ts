import { constants } from 'node:os'

/** What a shell, or a container's first process, makes of a program that a signal ended: 128 and its number. */
export function exitFromCode(code: number): { code: number | null; signal: string | null } {
  const signal = code > 128 ? Object.entries(constants.signals).find(([, number]) => number === code - 128) : undefined
  return signal === undefined ? { code, signal: null } : { code: null, signal: signal[0] }
}
