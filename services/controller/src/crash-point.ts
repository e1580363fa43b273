/** Named places at which fault tests let the process die as if the power had failed. */
export const CRASH_POINTS = [
  'before-create',
  'after-create-before-enqueue',
  'after-enqueue',
  'before-resume',
  'after-resume-before-enqueue',
  'before-stop',
  'after-stop',
  'in-shutdown',
] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** Where to die, and at which passing of that place, from 1. */
export interface CrashAt {
  readonly point: CrashPoint
  readonly passing: number
}

export type PassCrashPoint = (point: CrashPoint) => void

/** Kills this process with SIGKILL when it passes `at`; nothing is flushed, closed or released. Without `at`, nothing. */
export function crashPoints(at: CrashAt | undefined): PassCrashPoint {
  let passings = 0
  return (point) => {
    if (point !== at?.point) return
    passings += 1
    if (passings === at.passing) process.kill(process.pid, 'SIGKILL')
  }
}
