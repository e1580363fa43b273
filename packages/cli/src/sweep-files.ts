import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Diagnostic } from '@sweep/spec/document/diagnostic'
import type { PastTable } from '@sweep/spec/document/past-table'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import { createColors } from './colors.ts'
import type { CliContext } from './context.ts'
import { usageError } from './exit-codes.ts'
import { isJson } from './output.ts'
import { parseScalar } from './parameter-spec.ts'
import { readPastTable } from './past-table.ts'
import { terminalSize } from './terminal/live-region.ts'

export interface SweepFile {
  readonly source: string
  /** As the user named it; stands in error positions. */
  readonly file: string
  /** Absolute folder in which trials run. */
  readonly workdir: string
}

/** As much as the server takes. */
const LARGEST_SOURCE = 262_144

/** Reads a sweep file; `-` is standard input. */
export async function readSweepFile(context: CliContext, file: string, workdir?: string): Promise<SweepFile> {
  const { cwd } = context.process
  const path = resolve(cwd, file)
  const folder = workdir === undefined ? (file === '-' ? cwd : dirname(path)) : resolve(cwd, workdir)
  if (workdir !== undefined && !(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new SweepError('not-found', `${folder} is no folder.`, { hint: 'Trials need an existing --workdir.' })
  }
  const source = file === '-' ? await context.process.readStdin() : await readFile(path, 'utf8').catch(readError(file))
  if (source.length > LARGEST_SOURCE) {
    throw new SweepError(
      'too-large',
      `${file} holds ${source.length} characters; a sweep file has at most ${LARGEST_SOURCE}.`,
    )
  }
  return { source, file: file === '-' ? 'stdin' : file, workdir: folder }
}

function readError(file: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') {
      throw new SweepError('not-found', `There is no file ${file}.`, {
        hint: 'Check the name; "-" reads standard input.',
      })
    }
    const what = code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`
    throw usageError(`${file} ${what}.`, 'Name a YAML file, such as sweep.yaml.')
  }
}

/** `--set key=value`, each value read as JSON where it is JSON. */
export function readOverrides(settings: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    settings.map((setting): [string, Json] => {
      const equals = setting.indexOf('=')
      if (equals < 1)
        throw usageError(`--set "${setting}" does not say KEY=VALUE.`, 'Write for example --set run_cap=5.')
      const text = setting.slice(equals + 1)
      try {
        return [setting.slice(0, equals), JSON.parse(text) as Json]
      } catch {
        return [setting.slice(0, equals), parseScalar(text) as Json]
      }
    }),
  )
}

export interface CheckedDocument {
  readonly document: SweepDocument
  readonly warnings: readonly Diagnostic[]
  /** With what stands in other files, which the server can't read. */
  readonly overrides: Record<string, Json>
}

/**
 * Checks a sweep file on this machine, with the server's own code, and tells what is wrong with it.
 *
 * @throws SweepError `invalid-document` when it has errors
 */
export async function checkDocument(
  context: CliContext,
  sweepFile: SweepFile,
  overrides: Record<string, Json>,
): Promise<CheckedDocument> {
  const { source, file } = sweepFile
  const { parseDocument } = await import('@sweep/spec/document/parse-document')
  const pastTable = await readPastTable(context.process.cwd, sweepFile, overrides)
  const { document, diagnostics } = parseDocument(source, {
    file,
    overrides,
    newSeed: () => 0,
    ...(pastTable && { pastTable }),
  })
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length
  const forPeople = !isJson(context.flags.output)
  if (forPeople) await showDiagnostics(context, diagnostics, sourcesOf(sweepFile, pastTable))
  if (document !== null) {
    const all = pastTable === undefined ? overrides : { ...overrides, ...warmStartOverride(document) }
    return { document, warnings: diagnostics, overrides: all }
  }
  const count = errors === 1 ? 'an error' : `${errors} errors`
  // The diagnostics have been shown; programs get them as data.
  throw new SweepError('invalid-document', `${file} has ${count}; nothing was done.`, {
    ...(forPeople ? {} : { details: { diagnostics } }),
  })
}

/** The texts that diagnostics are about, by file. */
function sourcesOf({ source, file }: SweepFile, table: PastTable | undefined): ReadonlyMap<string, string> {
  return new Map([[file, source], ...(table === undefined ? [] : [[table.file, table.text] as const])])
}

/** All that `warm_start` says, its file included, as the map that a sweep file may have. */
function warmStartOverride({ warmStart, metric }: SweepDocument): Record<string, Json> {
  if (warmStart === undefined || metric === undefined) return {}
  const results = warmStart.results.map(({ config, value, values }) => ({
    ...config,
    ...(values ?? { [metric.name]: value }),
  }))
  return { warm_start: { sweeps: [...warmStart.sweeps], results } }
}

async function showDiagnostics(
  context: CliContext,
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
): Promise<void> {
  if (diagnostics.length === 0) return
  const { formatDiagnostic } = await import('@sweep/spec/document/format-diagnostic')
  const { stderr } = context.process
  const colors = createColors(context.settings.color, stderr.isTTY === true)
  const painters = {
    error: colors.red,
    warning: colors.yellow,
    place: colors.bold,
    caret: colors.red,
    hint: colors.dim,
  }
  for (const diagnostic of diagnostics) {
    const source = sources.get(diagnostic.file)
    const text = formatDiagnostic(diagnostic, {
      ...(source !== undefined && { source }),
      width: Math.min(120, terminalSize(stderr).columns),
      paint: (part, words) => painters[part](words),
    })
    stderr.write(`${text}\n`)
  }
}
