import { z } from 'zod'

/**
 * Where an attempt runs: enough to find it again after a restart of the agent. A pid alone is no identity, because pids
 * are reused; nor is the name of a Kubernetes Job.
 */
export const Place = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('process'),
    pid: z.int(),
    /** When the process started, in a unit that only comparison needs; see `process-identity.ts`. */
    startTime: z.string(),
  }),
  z.object({ kind: z.literal('container'), id: z.string() }),
  z.object({
    kind: z.literal('kubernetes'),
    namespace: z.string(),
    /** Of the Job. */
    name: z.string(),
    uid: z.string(),
    /** The id of the agent's home, which all that belongs to the Job is labelled with. */
    agent: z.string(),
  }),
])
export type Place = z.infer<typeof Place>

export type PlaceOf<Kind extends Place['kind']> = Extract<Place, { kind: Kind }>

/**
 * The place of an attempt, for the launcher that made it.
 * @throws TypeError when another kind of launcher did
 */
export function placeOf<Kind extends Place['kind']>(place: Place, kind: Kind): PlaceOf<Kind> {
  if (place.kind !== kind) throw new TypeError(`a ${place.kind} was given to the launcher of a ${kind}`)
  return place as PlaceOf<Kind>
}
