import { z } from 'zod'
import { Json } from './number.ts'

/** Steps of a quantised parameter: X becomes round(X / q) * q, half to even, an integer when `integer` is true. */
export const Quantum = z.strictObject({ q: z.number().positive(), integer: z.boolean() })
export type Quantum = z.infer<typeof Quantum>

/** Active only when every named parameter is active and has one of the listed values. */
export const Condition = z.record(z.string(), z.array(Json).min(1))
export type Condition = z.infer<typeof Condition>

/**
 * Where somebody expects the good values of a parameter: at `mu`, give or take `sigma` in the parameter's own unit (on a
 * log scale in factors of e, as for a log-normal). Methods that learn begin there, and believe it less with every trial.
 */
export const Prior = z.strictObject({ mu: Json, sigma: z.number().positive().optional() })
export type Prior = z.infer<typeof Prior>

const base = {
  /** `path` joined by dots; the key of a config. */
  name: z.string().min(1),
  /** Where the value goes in `params.json`: `['optimizer', 'lr']` for a parameter nested under `optimizer`. */
  path: z.array(z.string().min(1)).min(1),
  when: Condition.optional(),
  prior: Prior.optional(),
}

const Scale = z.enum(['linear', 'log', 'inverse-log'])

export const FloatParameter = z.strictObject({
  ...base,
  type: z.literal('float'),
  min: z.number(),
  max: z.number(),
  scale: Scale.default('linear'),
  quantum: Quantum.optional(),
})
export type FloatParameter = z.infer<typeof FloatParameter>

export const IntParameter = z.strictObject({
  ...base,
  type: z.literal('int'),
  /** Both ends are included. */
  min: z.int(),
  max: z.int(),
  scale: z.enum(['linear', 'log']).default('linear'),
})
export type IntParameter = z.infer<typeof IntParameter>

export const ChoiceParameter = z.strictObject({
  ...base,
  type: z.literal('choice'),
  values: z.array(Json).min(1),
  /** Same length as `values`, summing to 1. */
  probabilities: z.array(z.number().min(0)).optional(),
  /** Indices of the values that were spelled as floats (`1.0`), which JSON cannot tell from integers. */
  floats: z.array(z.int()).optional(),
})
export type ChoiceParameter = z.infer<typeof ChoiceParameter>

export const ConstantParameter = z.strictObject({
  ...base,
  type: z.literal('constant'),
  value: Json,
  float: z.boolean().optional(),
})
export type ConstantParameter = z.infer<typeof ConstantParameter>

/** Unbounded; on the log scale the logarithm of the value is normal. */
export const NormalParameter = z.strictObject({
  ...base,
  type: z.literal('normal'),
  mu: z.number(),
  sigma: z.number().positive(),
  scale: z.enum(['linear', 'log']).default('linear'),
  quantum: Quantum.optional(),
})
export type NormalParameter = z.infer<typeof NormalParameter>

export const BetaParameter = z.strictObject({
  ...base,
  type: z.literal('beta'),
  a: z.number().positive(),
  b: z.number().positive(),
  quantum: Quantum.optional(),
})
export type BetaParameter = z.infer<typeof BetaParameter>

export const Parameter = z.discriminatedUnion('type', [
  FloatParameter,
  IntParameter,
  ChoiceParameter,
  ConstantParameter,
  NormalParameter,
  BetaParameter,
])
export type Parameter = z.infer<typeof Parameter>

/** All the parameters, in the order of the document. A parameter's `when` names only parameters of the same space. */
export const SearchSpace = z.strictObject({ parameters: z.array(Parameter) })
export type SearchSpace = z.infer<typeof SearchSpace>

/** The values chosen for one trial, by parameter name; a parameter whose condition does not hold is absent. */
export const Config = z.record(z.string(), Json)
export type Config = z.infer<typeof Config>
