import { short } from './curve.ts'
import type { Rule } from './rule.ts'

const MOST = 100
/** Of so many of the newest, so many must be above: single spikes are what clipping is for. */
const LOOKED_AT = 10
const LEAST_ABOVE = 3

/** The norm of the gradient is over 100 (or not finite) again and again. */
export const gradientNormRule: Rule = {
  name: 'gradient_norm',
  judge({ series }) {
    return series.flatMap(({ name, role, steps, values }) => {
      if (role.kind !== 'gradient-norm') return []
      const recent = values.slice(-LOOKED_AT)
      const isAbove = (value: number) => !(value <= MOST)
      const above = recent.filter(isAbove)
      if (above.length < LEAST_ABOVE) return []
      const first = values.length - recent.length + recent.findIndex(isAbove)
      const highest = above.some(Number.isNaN) ? Number.NaN : Math.max(...above)
      return [
        {
          metric: name,
          severity: 'warning',
          message: `${name} is over ${MOST} in ${above.length} of the last ${recent.length} values, up to ${short(highest)}`,
          advice:
            'Clip gradients (a norm of 1 is common) or lower the learning rate; look for inputs that are not scaled.',
          step: steps.at(-1) ?? null,
          since: steps[first] ?? null,
          evidence: { highest, bound: MOST, above: above.length, of: recent.length },
        },
      ]
    })
  },
}
