import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** What a run is known by. */
export interface RunName {
  /** `budget` or `hardest`: within the protocol's budget, or until the hardest target. */
  readonly kind: string
  readonly combination: string
  readonly task: string
  readonly workers: number
  readonly seed: number
}

const Line = z.strictObject({
  kind: z.string(),
  combination: z.string(),
  task: z.string(),
  workers: z.int(),
  seed: z.int(),
  result: z.unknown(),
})

/** Results of runs by their name. */
export interface KeptRuns {
  /** The result that is kept, else what `measure` comes to, which is kept from then on. */
  readonly resultOf: <T>(name: RunName, schema: z.ZodType<T>, measure: () => Promise<T>) => Promise<T>
}

/**
 * Keeps results in a file, one line each, so that hours of runs can be halted and gone on with, and several processes can
 * share them. Without a file every run is measured.
 *
 * A line says nothing of the code that it was measured with: after a change begin a new file, or take its lines out.
 */
export function keptRuns(path: string | undefined): KeptRuns {
  if (path === undefined) return { resultOf: (_name, _schema, measure) => measure() }
  const { lines, isCut } = existsSync(path) ? linesOf(path) : { lines: [], isCut: false }
  const kept = new Map(lines.map(({ result, ...name }) => [keyOf(name), result]))
  if (isCut) appendFileSync(path, '\n')
  return {
    async resultOf(name, schema, measure) {
      const key = keyOf(name)
      if (kept.has(key)) return schema.parse(kept.get(key))
      const result = await measure()
      appendFileSync(path, `${JSON.stringify({ ...name, result })}\n`)
      return result
    },
  }
}

/** `isCut` when the last line has no end. */
function linesOf(path: string) {
  const text = readFileSync(path, 'utf8')
  return { lines: text.split('\n').flatMap(parsed), isCut: text !== '' && !text.endsWith('\n') }
}

/** Nothing for a line that was being written when its process was killed: that run is measured anew. */
function parsed(line: string): z.infer<typeof Line>[] {
  try {
    return [Line.parse(JSON.parse(line))]
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

function keyOf({ kind, combination, task, workers, seed }: RunName): string {
  return [kind, combination, task, workers, seed].join(' ')
}
