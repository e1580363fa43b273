import { z } from 'zod'
import { IMPORTANCE_METHODS } from '../importance-methods.ts'

/** An estimate with its 90 % bootstrap interval: how far it moves from one resample of the trials to the next. */
const estimate = { importance: z.number(), low: z.number(), high: z.number() }

/** `GET /sweeps/:id/importance`: how much each parameter matters for one objective. docs/analysis/importance.md. */
export const ImportanceReply = z.strictObject({
  metric: z.strictObject({ name: z.string(), goal: z.enum(['minimize', 'maximize']) }),
  method: z.enum(IMPORTANCE_METHODS),
  /** Most important first; parameters of equal importance by name. */
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      ...estimate,
      /** In how many of the compared trials it was active, and so was judged. */
      trials: z.int(),
      /** With the loss, from -1 to 1; null for a choice and for methods that know no direction. */
      correlation: z.number().nullable(),
      /** Of the forest that judged it, out of bag; null for methods without a forest. */
      r2: z.number().nullable(),
    }),
  ),
  /** What two parameters do together beyond what each does alone, most important first; of fANOVA only. */
  interactions: z.array(z.strictObject({ names: z.tuple([z.string(), z.string()]), ...estimate })),
  /** How well the forest of the parameters that are always active predicts trials it has not seen; 1 is perfect. */
  r2: z.number().nullable(),
  /** Why not to trust the figures, in sentences; empty when nothing speaks against them. */
  doubts: z.array(z.string()),
  /** Number of trials that were compared. */
  trials: z.int(),
  /** Whether they were trained to their end, or the resource at which all of them were pruned. */
  level: z.union([z.literal('full'), z.number()]),
  /** How many were not, by reason. */
  leftOut: z.strictObject({
    /** Failed, or without a finite value. */
    failed: z.int(),
    /** Still to come, running, paused or cancelled. */
    unfinished: z.int(),
    /** Ended at another resource than those compared, or at an unknown one. */
    otherResource: z.int(),
    /** A choice has a value that is not in the search space. */
    foreign: z.int(),
    /** Beyond as many as are looked at. */
    surplus: z.int(),
  }),
})
export type ImportanceReply = z.infer<typeof ImportanceReply>
