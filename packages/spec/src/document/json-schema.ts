import { z } from 'zod'
import { SweepInput } from './input-schema.ts'

/** The JSON Schema (draft 2020-12) that editors complete and check sweep files with. */
export function sweepJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(SweepInput, { io: 'input', unrepresentable: 'any' })
  return {
    $schema: schema.$schema,
    title: 'sweep definition',
    description: 'A hyperparameter sweep: a search space, a method, a metric and a program. W&B sweep files are valid.',
    ...schema,
  }
}

/** The text of `packages/spec/generated/sweep.schema.json`; `node scripts/generate-schema.mjs` writes it. */
export function sweepJsonSchemaText(): string {
  return `${JSON.stringify(sweepJsonSchema(), null, 2)}\n`
}
