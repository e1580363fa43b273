import { z } from 'zod'

const WholeNumber = z.coerce.number().int().positive()

/** The value of an option that counts something. @throws Error with a sentence for the user */
export function wholeNumber(option: string, text: string | undefined, otherwise: number): number {
  const parsed = WholeNumber.safeParse(text ?? otherwise)
  if (!parsed.success) throw new Error(`--${option} ${text}: give a whole number of at least 1`)
  return parsed.data
}

/** Those of `all` that a list with commas names; without a list, all. @throws Error with a sentence for the user */
export function chosen<T>(
  option: string,
  all: readonly T[],
  list: string | undefined,
  nameOf: (item: T) => string,
): T[] {
  if (list === undefined) return [...all]
  const names = list.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !all.some((item) => nameOf(item) === name))
  if (unknown.length > 0) throw new Error(`--${option} ${unknown.join(',')}: not among ${all.map(nameOf).join(', ')}`)
  return all.filter((item) => names.includes(nameOf(item)))
}
