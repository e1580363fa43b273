import type { FindingView } from '@sweep/spec/wire/health'

/** Beside a trial whose metrics show that something is wrong; two where it is an error. */
export function healthMark(findings: readonly Pick<FindingView, 'severity'>[]): string {
  if (findings.length === 0) return ''
  return findings.some(({ severity }) => severity === 'error') ? '!!' : '!'
}

/**
 * How many trials something is wrong with, and the worst of it: an error before a warning, then what was found last.
 *
 * @param findings that still hold; without any there is nothing to say
 */
export function worstText(findings: readonly FindingView[]): string | undefined {
  const [worst] = [...findings].sort(
    (a, b) =>
      Number(b.severity === 'error') - Number(a.severity === 'error') ||
      Date.parse(b.foundAt) - Date.parse(a.foundAt) ||
      (a.trial ?? 0) - (b.trial ?? 0),
  )
  if (worst === undefined) return undefined
  const trials = new Set(findings.map(({ runId }) => runId)).size
  return `health: ${trials} ${trials === 1 ? 'trial' : 'trials'}, worst ${worst.trial} (${worst.rule}): ${worst.message}`
}
