import { z } from 'zod'
import type { RandomBytes } from './clock.ts'

/** Ten characters of Crockford's base 32: 50 random bits, readable aloud, safe in a path, a URL and a queue name. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const ID = /^[0-9a-hjkmnp-tv-z]{10}$/

export const SweepId = z.string().regex(ID).brand<'SweepId'>()
export type SweepId = z.infer<typeof SweepId>

export const AgentId = z.string().regex(ID).brand<'AgentId'>()
export type AgentId = z.infer<typeof AgentId>

/** `<sweep>-<trial number>`; a trial is also a run, and shares its id. */
export const TrialId = z
  .string()
  .regex(/^[0-9a-z]{10}-[1-9][0-9]{0,8}$/)
  .brand<'TrialId'>()
export type TrialId = z.infer<typeof TrialId>

/** `<sweep>-<trial number>-<attempt number>`; also the BullMQ job id, which may not be all digits nor hold a colon. */
export const AttemptId = z
  .string()
  .regex(/^[0-9a-z]{10}-[1-9][0-9]{0,8}-[1-9][0-9]{0,5}$/)
  .brand<'AttemptId'>()
export type AttemptId = z.infer<typeof AttemptId>

/** A sweep is an experiment, and shares its id. */
export const ExperimentId = z.string().regex(ID).brand<'ExperimentId'>()
export type ExperimentId = z.infer<typeof ExperimentId>

/** Ten characters for a run of its own; the run of a trial has the trial's id. */
export const RunId = z
  .string()
  .regex(/^[0-9a-hjkmnp-tv-z]{10}(-[1-9][0-9]{0,8})?$/)
  .brand<'RunId'>()
export type RunId = z.infer<typeof RunId>

export function newId(randomBytes: RandomBytes): string {
  return Array.from(randomBytes(10), (byte) => ALPHABET[byte & 31]).join('')
}

export function trialId(sweep: SweepId, trial: number): TrialId {
  return `${sweep}-${trial}` as TrialId
}

export function attemptId(sweep: SweepId, trial: number, attempt: number): AttemptId {
  return `${sweep}-${trial}-${attempt}` as AttemptId
}

/** The parts of an attempt id. The id must have been validated by `AttemptId`. */
export function attemptParts(id: AttemptId): { sweepId: SweepId; trial: number; attempt: number } {
  const [sweep, trial, attempt] = id.split('-')
  return { sweepId: sweep as SweepId, trial: Number(trial), attempt: Number(attempt) }
}
