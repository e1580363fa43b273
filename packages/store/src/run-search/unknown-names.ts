import { didYouMean } from '@sweep/spec/did-you-mean'
import type { NamedField } from '@sweep/spec/filter/filter'
import type { Database, Queryable } from '../database.ts'
import { plainText } from '../json-text.ts'
import { isTimeout } from '../store-error.ts'
import { SEARCHED_PARAMS, SEARCHED_TABLES } from './field-sql.ts'
import { planFreely } from './plan-freely.ts'

/** A field that no run has, and the one of those there are that was probably meant. */
export interface UnknownName {
  readonly field: NamedField
  readonly meant: NamedField | null
}

/** Fields that are looked up; who asks for more has made them with a program. */
const MOST_FIELDS = 20
/** Metrics, and newest runs, whose names are compared with an unknown one. */
const MOST_NAMES = 10_000
const MOST_RUNS = 2000
/** A hint is worth no more than this. */
const MOST_MS = 1000

const IS_KNOWN: Readonly<Record<NamedField['kind'], string>> = {
  // By what was ever logged rather than by summaries, which those of a trial may be some seconds behind.
  metric: 'select exists (select from metric_names where name = $1) as known',
  param: `select exists (select from ${SEARCHED_TABLES} where r.deleted_at is null and ${SEARCHED_PARAMS} ? $1) as known`,
  tag: 'select exists (select from runs r where r.deleted_at is null and r.tags ? $1) as known',
}

const namesOf = (object: string) =>
  `select distinct keys.name from (select ${object} as object from runs r where r.deleted_at is null
     order by r.key desc limit ${MOST_RUNS}) newest, jsonb_object_keys(newest.object) as keys (name)
    order by keys.name limit ${MOST_NAMES}`

const NAMES: Readonly<Record<NamedField['kind'], string>> = {
  metric: `select name from (select id, name from metric_names order by id desc limit ${MOST_NAMES}) newest order by name`,
  param: namesOf(SEARCHED_PARAMS),
  tag: namesOf('r.tags'),
}

/**
 * Which of the fields name a metric, param or tag that no run has, in their order. Nothing where that takes too long to
 * find out: then a search has no hint, and is none the worse.
 */
export async function unknownNames(database: Database, fields: readonly NamedField[]): Promise<UnknownName[]> {
  if (fields.length === 0) return []
  const asked = new Map(fields.map((field) => [`${field.kind} ${field.name}`, field]))
  const work = database.tx(async (tx) => {
    await planFreely(tx, { mostMs: MOST_MS })
    const unknown: UnknownName[] = []
    for (const field of [...asked.values()].slice(0, MOST_FIELDS)) {
      if (await isKnown(tx, field)) continue
      unknown.push({ field, meant: (await likeNamed(tx, field)) ?? (await ofOtherKind(tx, field)) })
    }
    return unknown
  })
  return work.catch((error: unknown) => {
    if (isTimeout(error)) return []
    throw error
  })
}

async function isKnown(tx: Queryable, { kind, name }: NamedField): Promise<boolean> {
  const { rows } = await tx.query<{ known: boolean }>(IS_KNOWN[kind], [plainText(name)])
  return rows[0]?.known === true
}

async function likeNamed(tx: Queryable, field: NamedField): Promise<NamedField | null> {
  const { rows } = await tx.query<{ name: string }>(NAMES[field.kind])
  const name = didYouMean(
    field.name,
    rows.map((row) => row.name),
  )
  return name === null ? null : { ...field, name }
}

/** A param that was taken for a metric, say. */
async function ofOtherKind(tx: Queryable, { kind, name }: NamedField): Promise<NamedField | null> {
  const others: readonly NamedField[] = [
    { kind: 'metric', name, summary: 'last' },
    { kind: 'param', name },
    { kind: 'tag', name },
  ]
  for (const other of others) {
    if (other.kind !== kind && (await isKnown(tx, other))) return other
  }
  return null
}
