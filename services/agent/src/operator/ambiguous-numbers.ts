import type { Json } from '@sweep/spec/number'
import { isMap } from './is-map.ts'

/**
 * Parameters that would be read as integers although their author may have meant floats. In a sweep file `min: 0.0` makes
 * a float and `min: 0` an integer; `kubectl` turns both into `0` before anybody can see the difference, and a learning
 * rate between 0 and 1 that is always 0 or 1 costs a night of GPUs.
 */
export function ambiguousNumbers(parameters: Json | undefined, at = 'parameters'): string[] {
  if (!isMap(parameters)) return []
  return Object.entries(parameters).flatMap(([name, parameter]) => {
    if (!isMap(parameter)) return []
    const { distribution, value, values, min, max, q } = parameter
    // Those come first in a file that has several of them.
    const isInferred = [distribution, value, values, q].every((key) => key === undefined)
    const isAmbiguous = isInferred && Number.isInteger(min) && Number.isInteger(max)
    const problem =
      `${at}.${name}: min ${min} and max ${max} may be integers or floats, for kubectl drops the .0 of 0.0. ` +
      'Add distribution: int_uniform, or distribution: uniform.'
    return [...(isAmbiguous ? [problem] : []), ...ambiguousNumbers(parameter['parameters'], `${at}.${name}.parameters`)]
  })
}
