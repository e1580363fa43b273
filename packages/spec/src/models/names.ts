import { z } from 'zod'
import { NAME_BYTES } from '../tracking/names.ts'

const encoder = new TextEncoder()
/** They stand between name and version where people and MLflow write both. */
const SEPARATORS = /[/:@]/
/** What a version is found by anyway. */
const RESERVED = /^(latest|dev|staging|production|archived|none|v?\d+)$/i

/** What a model is registered as: one for the whole server, whatever project its runs are of. */
export const ModelName = z
  .string()
  .min(1)
  .refine((name) => encoder.encode(name).length <= NAME_BYTES, { error: `has at most ${NAME_BYTES} bytes` })
  .refine((name) => !SEPARATORS.test(name), { error: 'must not hold any of / : @' })
  .refine((name) => !/[\p{Cc}\p{Surrogate}]/u.test(name) && name.trim() === name, {
    error: 'must be text without control characters, and without spaces at its ends',
  })
  .refine((name) => name !== '.' && name !== '..', { error: 'must not be . or ..' })
  .brand<'ModelName'>()
export type ModelName = z.infer<typeof ModelName>

/** A name for one version of a model, such as `champion`; moving it is nothing that gates look at. */
export const ModelAlias = z
  .string()
  .regex(/^[A-Za-z0-9_][\w.-]{0,99}$/, { error: 'a letter or digit and up to 99 letters, digits, or _ . -' })
  .refine((alias) => !RESERVED.test(alias), { error: 'is what a version is found by already; choose another word' })
export type ModelAlias = z.infer<typeof ModelAlias>

/** A version as people name it: its number, an alias, `latest`, or a stage, which means the newest version in it. */
export const VersionName = z.string().min(1).max(100)
export type VersionName = z.infer<typeof VersionName>
