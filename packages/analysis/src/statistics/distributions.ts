import jstat from 'jstat'

/**
 * Distribution functions, from jstat. Its continued fraction for Student's t and the beta distribution stops at a step of
 * 3e-7 and is then right to some nine digits; a normal tail is right to 1e-16 in absolute terms, so p-values below that
 * are 0. The tests compare with SciPy.
 */
export function normalCdf(z: number): number {
  return jstat.normal.cdf(z, 0, 1)
}

export function betaCdf(x: number, a: number, b: number): number {
  return jstat.beta.cdf(x, a, b)
}

export function studentCdf(t: number, degrees: number): number {
  return jstat.studentt.cdf(t, degrees)
}

export function studentQuantile(p: number, degrees: number): number {
  return jstat.studentt.inv(p, degrees)
}

export function noncentralStudentCdf(t: number, degrees: number, noncentrality: number): number {
  return jstat.noncentralt.cdf(t, degrees, noncentrality)
}

/** Chance of at most `successes` in so many fair coin throws. */
export function coinCdf(successes: number, throws: number): number {
  return jstat.binomial.cdf(successes, throws, 0.5)
}
