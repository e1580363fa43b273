/** The parts of jstat that we use; it comes without types. */
declare module 'jstat' {
  const jstat: {
    readonly normal: { cdf(x: number, mean: number, deviation: number): number }
    readonly studentt: { cdf(x: number, degrees: number): number; inv(p: number, degrees: number): number }
    readonly noncentralt: { cdf(x: number, degrees: number, noncentrality: number): number }
    readonly beta: { cdf(x: number, a: number, b: number): number }
    readonly binomial: { cdf(x: number, trials: number, probability: number): number }
  }
  export default jstat
}
