import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import { type FlatParams, flattenParams, Params } from '@sweep/spec/tracking/params'
import { logParams } from '@sweep/store/tracking/change-run'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import { getTrial } from '@sweep/store/trials'
import type { ApiContext } from '../context.ts'
import { paramText } from './mlflow-entities.ts'
import type { Param } from './mlflow-values.ts'

/** What the program of a trial says of a param that its sweep has chosen, where it is something else. */
const SAID = 'program.'

/**
 * Logs params as MLflow has them: texts that never change. Of a trial's run they may: it goes on after a pause with
 * another config, is tried again on another host, and one program may log several of MLflow's runs into it. What the sweep
 * has chosen stays what it is there, and what the program says instead is kept beside it.
 *
 * @throws SweepError `invalid-request` for a name or value that can't be, `conflict` for a known param with another value
 */
export async function logMlflowParams(
  { database }: ApiContext,
  run: RunRecord,
  params: readonly Param[],
): Promise<void> {
  const logged = checked(params)
  const changed = Object.entries(logged).filter(([name, value]) => !isSame(run.params[name], value))
  if (changed.length === 0) return
  if (run.trial === null) {
    await logParams(database, run.id, Object.fromEntries(changed), false)
    return
  }
  const trial = await getTrial(database, run.trial.sweepId, run.trial.number)
  const chosen = flattenParams(trial?.config ?? {})
  const named = changed.map(([name, value]) => [Object.hasOwn(chosen, name) ? SAID + name : name, value] as const)
  await logParams(database, run.id, Object.fromEntries(named), true)
}

function checked(params: readonly Param[]): FlatParams {
  const texts = new Map<string, string>()
  for (const { key, value } of params) {
    // A record would lose it without a word.
    if (key === '__proto__') throw new SweepError('invalid-request', 'params: one must not be called __proto__')
    const before = texts.get(key)
    if (before !== undefined && before !== value) {
      throw new SweepError('invalid-request', `params: ${JSON.stringify(key)} is there twice, with two values`)
    }
    texts.set(key, value)
  }
  const found = Params.safeParse(Object.fromEntries(texts))
  if (found.success) return found.data
  throw new SweepError('invalid-request', `params: ${found.error.issues[0]?.message ?? 'one is not valid'}`)
}

/** Whether a text says what is known: `0.1`, `1e-1` and `0.10` are one number, `True` and `true` one truth. */
function isSame(known: Json | undefined, logged: Json): boolean {
  if (known === undefined) return false
  const text = String(logged)
  if (paramText(known) === text || JSON.stringify(known) === text) return true
  if (typeof known === 'boolean') return text.toLowerCase() === String(known)
  return typeof known === 'number' && text.trim() !== '' && Number(text) === known
}
