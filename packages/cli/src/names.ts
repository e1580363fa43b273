import type { Client } from '@sweep/client/client'
import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { SweepError } from '@sweep/spec/errors'
import type { SweepView } from '@sweep/spec/wire/api'
import type { CliContext } from './context.ts'
import { usageError } from './exit-codes.ts'

const FULL_ID = /^[0-9a-hjkmnp-tv-z]{10}$/

/**
 * The id of the sweep that a person means: its id or the beginning of it, its name, or `@last` for the newest.
 *
 * @throws SweepError `not-found` with what was probably meant; `invalid-request` when several ids begin like that
 */
export async function resolveSweep(context: CliContext, client: Client, name: string): Promise<string> {
  if (name === '') throw usageError('The name of the sweep is empty.', 'Name it by its id, its name, or @last.')
  if (name === '@last') {
    const newest = (await client.listSweeps({ limit: 1 })).sweeps[0]
    if (newest !== undefined) return newest.id
    throw new SweepError('not-found', 'There is no sweep yet.', { hint: 'Create one with `sweep create sweep.yaml`.' })
  }
  // A whole id costs no look-up; whether there is such a sweep, the call itself will tell.
  if (FULL_ID.test(name)) return name
  const [newest, older] = (await client.listSweeps({ name, limit: 2 })).sweeps
  if (newest !== undefined) {
    if (older !== undefined) context.say(`Several sweeps are named ${name}; taking the newest, ${newest.id}.`)
    return newest.id
  }
  const sweeps = await recentSweeps(client)
  const matching = sweeps.filter((sweep) => sweep.id.startsWith(name.toLowerCase()))
  if (matching.length === 1 && matching[0] !== undefined) return matching[0].id
  if (matching.length > 1) {
    const which = matching.slice(0, 5).map((sweep) => `${sweep.id} (${sweep.name})`)
    throw usageError(`Several sweeps begin with "${name}": ${which.join(', ')}.`, 'Type one letter more.')
  }
  throw notFound(sweeps, name)
}

const RECENT_PAGES = 10

/** The newest thousand: the beginning of an id is for sweeps one is working with. */
async function recentSweeps(client: Client): Promise<SweepView[]> {
  const sweeps: SweepView[] = []
  let after: string | undefined
  for (let page = 0; page < RECENT_PAGES; page += 1) {
    const reply = await client.listSweeps({ limit: 100, ...(after === undefined ? {} : { after }) })
    sweeps.push(...reply.sweeps)
    if (reply.next === null) break
    after = reply.next
  }
  return sweeps
}

function notFound(sweeps: readonly SweepView[], name: string): SweepError {
  const meant = didYouMeanHint(
    name,
    sweeps.flatMap((sweep) => [sweep.name, sweep.id]),
  )
  return new SweepError('not-found', `There is no sweep "${name}".`, {
    hint: `${meant ?? ''} \`sweep ls\` lists them.`.trim(),
  })
}

/**
 * A trial written `SWEEP/NUMBER`, or as two words.
 *
 * @throws SweepError `invalid-request` when there is no number
 */
export function splitTrialName(args: readonly string[]): { sweep: string; number: number } {
  const [first = '', second] = args
  const slash = first.lastIndexOf('/')
  const sweep = second === undefined && slash > 0 ? first.slice(0, slash) : first
  const number = second ?? (slash > 0 ? first.slice(slash + 1) : '')
  if (/^[1-9]\d{0,8}$/.test(number)) return { sweep, number: Number(number) }
  throw usageError(
    number === '' ? `"${first}" does not say which trial.` : `"${number}" is no number of a trial.`,
    `Write SWEEP/NUMBER, such as ${sweep === '' ? '@last' : sweep}/1; \`sweep trial ls ${sweep}\` lists them.`,
  )
}

export async function resolveTrial(
  context: CliContext,
  client: Client,
  args: readonly string[],
): Promise<{ sweepId: string; number: number }> {
  const { sweep, number } = splitTrialName(args)
  return { sweepId: await resolveSweep(context, client, sweep), number }
}

/** A run by its id, or a trial written SWEEP/NUMBER. */
export async function resolveRun(context: CliContext, client: Client, name: string): Promise<string> {
  if (!name.includes('/')) return name
  const { sweepId, number } = await resolveTrial(context, client, [name])
  return `${sweepId}-${number}`
}

/** `NAME@VERSION`, of which the version may be missing. */
export function splitModelName(text: string): { readonly name: string; readonly version: string | undefined } {
  const at = text.lastIndexOf('@')
  const [name, version] = at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
  if (name === '' || version === '')
    throw usageError(`"${text}" does not say which model.`, 'Write NAME or NAME@VERSION.')
  return { name, version }
}

/** @throws SweepError `invalid-request` where the version is missing */
export function requireVersionName(text: string): { readonly name: string; readonly version: string } {
  const { name, version } = splitModelName(text)
  if (version !== undefined) return { name, version }
  throw usageError(
    `"${text}" does not say which version.`,
    `Write ${name === '' ? 'NAME' : name}@3, or @latest, @staging, @production, or an alias.`,
  )
}
