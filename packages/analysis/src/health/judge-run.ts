import type { HealthFinding, HealthPolicy } from '@sweep/spec/health'
import { divergenceRule } from './divergence-rule.ts'
import { evalEveryStepRule } from './eval-every-step-rule.ts'
import { gpuIdleRule } from './gpu-idle-rule.ts'
import { gradientNormRule } from './gradient-norm-rule.ts'
import { memoryRule } from './memory-rule.ts'
import { nanRule } from './nan-rule.ts'
import { noProgressRule } from './no-progress-rule.ts'
import { overfittingRule } from './overfitting-rule.ts'
import type { Rule, RunToJudge } from './rule.ts'

/** In the order in which findings are shown: what is lost before what is worth a look. */
const RULES: readonly Rule[] = [
  nanRule,
  divergenceRule,
  gradientNormRule,
  noProgressRule,
  overfittingRule,
  gpuIdleRule,
  evalEveryStepRule,
  memoryRule,
]

/** What is wrong with a run, as far as its metrics show it, by the rules that the policy does not turn off. */
export function judgeRun(run: RunToJudge, policy: HealthPolicy = {}): HealthFinding[] {
  return RULES.filter(({ name }) => policy[name] !== 'off').flatMap((rule) =>
    rule.judge(run).map((finding) => ({ rule: rule.name, ...finding })),
  )
}
