import { z } from 'zod'

/** Values that many keys have. Every `error` says what would do, to follow "must be". */
export const whole = (min: number) => {
  const error =
    min === 0 ? 'a whole number, 0 or more' : min === 1 ? 'a whole number above 0' : `a whole number, ${min} or more`
  return z.int({ error }).min(min, { error })
}

export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` })
