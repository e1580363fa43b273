import { type ChoiceParameter, type Config, type Parameter, SearchSpace } from '@sweep/spec/search-space'
import { z } from 'zod'

/** A parameter as the suite's files spell it. */
export const SuiteParameter = z.strictObject({
  name: z.string(),
  type: z.enum(['float', 'int', 'cat']),
  low: z.number().optional(),
  high: z.number().optional(),
  log: z.boolean().default(false),
  choices: z.array(z.string()).optional(),
  when: z.strictObject({ param: z.string(), in: z.array(z.string()) }).optional(),
})
export type SuiteParameter = z.infer<typeof SuiteParameter>

export function spaceOfSuite(parameters: readonly SuiteParameter[]): SearchSpace {
  return searchSpace(
    ...parameters.map(({ name, type, low, high, log, choices, when }) => {
      const condition = when && { [when.param]: when.in }
      if (type === 'cat') return choice(name, choices ?? [], condition)
      return (type === 'int' ? int : float)(name, low!, high!, log ? 'log' : 'linear', condition)
    }),
  )
}

type Sketch = z.input<typeof Parameter>
type When = Record<string, string[]>
type Scale = 'linear' | 'log'

export function searchSpace(...parameters: readonly Sketch[]): SearchSpace {
  return SearchSpace.parse({ parameters })
}

export function float(name: string, min: number, max: number, scale: Scale = 'linear', when?: When): Sketch {
  return { name, path: [name], type: 'float', min, max, scale, ...(when && { when }) }
}

export function int(name: string, min: number, max: number, scale: Scale = 'linear', when?: When): Sketch {
  return { name, path: [name], type: 'int', min, max, scale, ...(when && { when }) }
}

export function choice(name: string, values: readonly string[], when?: When): Sketch {
  return { name, path: [name], type: 'choice', values: [...values], ...(when && { when }) }
}

/** `x0`, `x1`, …, all from `min` to `max`. */
export function box(size: number, min: number, max: number): SearchSpace {
  return searchSpace(...Array.from({ length: size }, (_, index) => float(`x${index}`, min, max)))
}

/** The index of a choice's value in this config; -1 when the parameter is inactive. */
export function choiceIndex(parameter: ChoiceParameter, config: Config): number {
  const value = config[parameter.name]
  return value === undefined ? -1 : parameter.values.indexOf(value)
}
