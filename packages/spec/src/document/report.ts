import { LineCounter } from 'yaml'
import { type Diagnostic, type DocumentPath, pathText } from './diagnostic.ts'
import { type MapEntry, nodeAt, type SourceNode, type Span } from './source-node.ts'

export interface ProblemOptions {
  readonly hint?: string | undefined
  /** Point at the key rather than at its value. */
  readonly at?: 'key' | 'value'
  readonly span?: Span
}

const MOST_DIAGNOSTICS = 100

/** Collects what is wrong with a document, each at its place in the source. */
export class Report {
  private readonly found: Diagnostic[] = []
  private readonly lines = new LineCounter()
  private readonly others: Report[] = []
  private left = 0
  private readonly file: string
  private readonly text: string
  /** Set once the source is read; before that only spans locate a problem. */
  root: SourceNode | null = null

  constructor(file: string, text: string) {
    this.file = file
    this.text = text
    this.lines.addNewLine(0)
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.lines.addNewLine(at + 1)
  }

  error(path: DocumentPath, message: string, options: ProblemOptions = {}): void {
    this.add('error', path, message, options)
  }

  warn(path: DocumentPath, message: string, options: ProblemOptions = {}): void {
    this.add('warning', path, message, options)
  }

  /** About the file as a whole, before all else. */
  errorFirst(message: string, options: ProblemOptions): void {
    const before = this.found.length
    this.add('error', [], message, options)
    if (this.found.length > before) this.found.unshift(...this.found.splice(before))
  }

  /** What another report finds, now and later, counts here too: the document names its file. */
  include(other: Report): void {
    this.others.push(other)
  }

  get hasErrors(): boolean {
    return (
      this.found.some((diagnostic) => diagnostic.severity === 'error') || this.others.some((other) => other.hasErrors)
    )
  }

  /** Whether the document has something at a path. */
  has(path: DocumentPath): boolean {
    return this.root !== null && nodeAt(this.root, path) !== null
  }

  /** Whether a value was written in the source rather than given by an override. */
  isInFile(path: DocumentPath): boolean {
    return this.locate(path, 'key') !== null
  }

  /** In the order of the source; those without a place come last, and then those of other files. */
  diagnostics(): Diagnostic[] {
    return [...this.own(), ...this.others.flatMap((other) => other.diagnostics())]
  }

  private own(): Diagnostic[] {
    const place = (d: Diagnostic): number => (d.line ?? 1e7) * 1e6 + (d.column ?? 0)
    const sorted = this.found.toSorted((a, b) => place(a) - place(b))
    if (this.left === 0) return sorted
    return [
      ...sorted,
      { severity: 'error', message: `${this.left} more problems are not shown`, path: '', file: this.file },
    ]
  }

  private add(severity: Diagnostic['severity'], path: DocumentPath, message: string, options: ProblemOptions): void {
    if (this.found.length >= MOST_DIAGNOSTICS) {
      // Errors count even when they no longer fit, so that they displace a warning.
      const warning = severity === 'error' ? this.found.findIndex((known) => known.severity === 'warning') : -1
      this.left += 1
      if (warning < 0) return
      this.found.splice(warning, 1)
    }
    const span = options.span === undefined ? this.locate(path, options.at ?? 'value') : options.span
    this.found.push({
      severity,
      message,
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      path: pathText(path),
      file: this.file,
      ...(span === null ? {} : this.position(span)),
    })
  }

  private position([start, end]: readonly [number, number]): { line: number; column: number; endColumn: number } {
    const { line, col } = this.lines.linePos(start)
    const newline = this.text.indexOf('\n', start)
    const lineEnd = newline < 0 ? this.text.length : newline
    return { line, column: col, endColumn: col + Math.max(1, Math.min(end, lineEnd) - start) }
  }

  /** The first key stands for the whole file. */
  private start(): Span {
    const { root } = this
    if (root === null || root.span === null) return root === null ? [0, 0] : null
    if (root.kind === 'map') {
      for (const { keySpan } of root.entries.values()) if (keySpan !== null) return keySpan
    }
    return root.span
  }

  /** A short value is pointed at itself; a map or a missing value at the key it belongs to. */
  private locate(path: DocumentPath, at: 'key' | 'value'): Span {
    let node: SourceNode | null = this.root
    let span: Span = this.start()
    for (const [depth, part] of path.entries()) {
      const entry = childOf(node, part)
      if (entry === undefined) return span
      const isLast = depth === path.length - 1
      const isShort = entry.value.kind === 'scalar' && entry.value.span !== null && entry.value.text !== ''
      span = entry.keySpan === null || (isLast && at === 'value' && isShort) ? entry.value.span : entry.keySpan
      node = entry.value
    }
    return span
  }
}

function childOf(node: SourceNode | null, part: string | number): MapEntry | undefined {
  if (node?.kind === 'map') return node.entries.get(String(part))
  if (node?.kind !== 'list') return undefined
  const item = node.items[Number(part)]
  return item === undefined ? undefined : { keySpan: null, value: item }
}
