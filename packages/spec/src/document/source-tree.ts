import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument as parseYaml,
  Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { DocumentPath } from './diagnostic.ts'
import { readNumber, readPlain, type ScalarReading } from './plain-scalar.ts'
import { findExcess, MAX_DEPTH, MAX_NODES, MAX_SOURCE_BYTES } from './source-limits.ts'
import type { MapEntry, ScalarNode, SourceNode, Span } from './source-node.ts'

export interface SourceProblem {
  readonly message: string
  readonly hint?: string
  readonly path: DocumentPath
  readonly span: Span
}

export interface SourceTree {
  /** Null when the text is no YAML at all, or too much of it. */
  readonly root: SourceNode | null
  readonly problems: readonly SourceProblem[]
}

/**
 * YAML as a tree that remembers how and where each value was spelled. Aliases and merge keys are expanded; every node
 * counts, so an alias bomb runs into `MAX_NODES`. The text must come without a byte order mark.
 */
export function readSourceTree(text: string): SourceTree {
  if (Buffer.byteLength(text) > MAX_SOURCE_BYTES) {
    return refuse(
      `the file has ${Buffer.byteLength(text)} bytes`,
      `A sweep file may have ${MAX_SOURCE_BYTES} bytes (256 KiB).`,
    )
  }
  const nul = text.indexOf('\0')
  if (nul >= 0) return refuse('the file holds a NUL character', 'Save it as UTF-8 text.', [nul, nul + 1])
  const excess = findExcess(text)
  if (excess !== null) return refuse(excess.message, undefined, [excess.offset, excess.offset + 1])
  // Scalars stay text here (failsafe) and are read by plain-scalar.ts. The library's own check for duplicate keys is
  // quadratic: 8 seconds for 20,000 keys.
  const document = parseYaml(text, {
    prettyErrors: false,
    schema: 'failsafe',
    uniqueKeys: false,
    resolveKnownTags: false,
  })
  const syntax = document.errors.slice(0, 1).map(syntaxProblem)
  if (syntax.length > 0) return { root: null, problems: syntax }
  if (document.contents === null) return refuse('the file is empty', 'Start with `method: random` and `parameters:`.')
  const reader = new Reader()
  const root = reader.read(document.contents, [], 1)
  return { root: reader.full ? null : root, problems: reader.problems }
}

function refuse(message: string, hint?: string, span: Span = [0, 0]): SourceTree {
  return { root: null, problems: [{ message, path: [], span, ...(hint === undefined ? {} : { hint }) }] }
}

function syntaxProblem(error: YAMLError): SourceProblem {
  const span: Span = [error.pos[0], error.pos[1]]
  const at = { path: [], span }
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { ...at, message: 'a tab is used for indentation', hint: 'YAML wants spaces.' }
    case 'MULTIPLE_DOCS':
      return { ...at, message: 'a second YAML document starts here', hint: 'Put each sweep into a file of its own.' }
    case 'RESOURCE_EXHAUSTION':
      return { ...at, span: [0, 0], message: `more than ${MAX_DEPTH} levels are nested` }
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return {
        ...at,
        message: "this line can't hold both a value and further keys",
        hint: 'Check the indentation, and quote text that holds a colon: "a: b".',
      }
    default:
      return { ...at, message: `unreadable YAML: ${lowerFirst(error.message)}` }
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])
const TAG_PREFIX = 'tag:yaml.org,2002:'
const EMPTY: ScalarNode = { kind: 'scalar', value: null, float: false, quoted: false, text: '', span: null }

class Reader {
  readonly problems: SourceProblem[] = []
  full = false
  private count = 0
  private readonly anchors = new Map<string, Node>()
  private readonly open = new Set<Node>()

  read(node: Node | null | undefined, path: DocumentPath, depth: number): SourceNode {
    if (this.full) return EMPTY
    this.count += 1
    if (this.count > MAX_NODES) return this.giveUp(node, path, `more than ${MAX_NODES} values, aliases expanded`)
    if (depth > MAX_DEPTH) return this.giveUp(node, path, `more than ${MAX_DEPTH} levels are nested`)
    if (node === null || node === undefined) return EMPTY
    if (isAlias(node)) return this.readAlias(node.source, node, path, depth)
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) this.anchors.set(node.anchor, node)
    if (this.open.has(node)) return this.giveUp(node, path, 'an alias refers to what contains it')
    this.open.add(node)
    const result = this.readValue(node, path, depth)
    this.open.delete(node)
    return result
  }

  private readValue(node: Node, path: DocumentPath, depth: number): SourceNode {
    const span = spanOf(node)
    if (isScalar(node)) return this.readScalar(node, path)
    if (isMap(node)) {
      this.checkTag(node, 'map', path)
      return { kind: 'map', entries: this.readEntries(node, path, depth), span }
    }
    if (isSeq(node)) {
      this.checkTag(node, 'seq', path)
      const items: SourceNode[] = []
      for (const [index, item] of node.items.entries()) {
        if (this.full) break
        items.push(this.read(item as Node, [...path, index], depth + 1))
      }
      return { kind: 'list', items, span }
    }
    return EMPTY
  }

  private readAlias(name: string, node: Node, path: DocumentPath, depth: number): SourceNode {
    const target = this.anchors.get(name)
    if (target === undefined) {
      this.problem(path, spanOf(node), `the alias *${name} has no anchor &${name} before it`)
      return EMPTY
    }
    // Keeps the span of the alias at the top, so that a message points at its use.
    return { ...this.read(target, path, depth), span: spanOf(node) }
  }

  private readEntries(map: YAMLMap, path: DocumentPath, depth: number): Map<string, MapEntry> {
    const entries = new Map<string, MapEntry>()
    const merged: Node[] = []
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      if (this.full) break
      const keyNode = pair.key
      const keySpan = spanOf(keyNode)
      if (!isScalar(keyNode)) {
        this.problem(path, keySpan, 'a key is not plain text')
        continue
      }
      const key = String(keyNode.source ?? keyNode.value ?? '')
      const here = [...path, key]
      this.checkTag(keyNode, 'str', here)
      if (key === '<<' && keyNode.type === Scalar.PLAIN && pair.value !== null) {
        merged.push(pair.value)
      } else if (FORBIDDEN_KEYS.has(key)) {
        this.problem(here, keySpan, `"${key}" can't be used as a key`, 'Choose another name.')
      } else if (key.includes('\0')) {
        this.problem(here, keySpan, 'a key holds a NUL character')
      } else if (entries.has(key)) {
        this.problem(here, keySpan, `"${key}" stands here twice`, 'Keep one of the two.')
      } else {
        entries.set(key, { keySpan, value: this.read(pair.value, here, depth + 1) })
      }
    }
    for (const source of merged) this.mergeInto(entries, source, path, depth)
    return entries
  }

  /** `<<: *base` or `<<: [*a, *b]`: keys that are not there yet, as PyYAML does. */
  private mergeInto(entries: Map<string, MapEntry>, source: Node, path: DocumentPath, depth: number): void {
    const node = this.read(source, [...path, '<<'], depth + 1)
    const maps = node.kind === 'list' ? node.items : [node]
    for (const map of maps) {
      if (map.kind !== 'map') {
        if (!this.full) this.problem([...path, '<<'], spanOf(source), '"<<" merges maps only')
        continue
      }
      for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry)
    }
  }

  private readScalar(node: Scalar, path: DocumentPath): ScalarNode {
    const span = spanOf(node)
    const text = String(node.source ?? node.value ?? '')
    const quoted = node.type !== Scalar.PLAIN
    const base = { kind: 'scalar', quoted, text, span } as const
    const reading = this.tagged(node, text, quoted, path)
    if (!reading.ok) {
      this.problem(path, span, reading.message, reading.hint)
      return { ...base, value: null, float: false }
    }
    if (typeof reading.value === 'string' && reading.value.includes('\0')) {
      this.problem(path, span, 'a text holds a NUL character, which no program can be given')
    }
    return {
      ...base,
      value: reading.value,
      float: reading.float,
      ...(reading.legacy === undefined ? {} : { legacy: reading.legacy }),
    }
  }

  private tagged(node: Scalar, text: string, quoted: boolean, path: DocumentPath): ScalarReading {
    const asText: ScalarReading = { ok: true, value: text, float: false }
    const tag = node.tag
    if (tag === undefined) return quoted ? asText : readPlain(text)
    const name = tag.startsWith(TAG_PREFIX) ? tag.slice(TAG_PREFIX.length) : null
    const mismatch = { ok: false, message: `"${text}" is no !!${name}`, hint: 'Leave the tag out.' } as const
    switch (name) {
      case 'str':
        return asText
      case 'float': {
        const number = readNumber(text)
        return number?.ok === true ? { ...number, float: true } : (number ?? mismatch)
      }
      case 'int': {
        const number = readNumber(text)
        return number?.ok === true && number.float ? mismatch : (number ?? mismatch)
      }
      case 'bool':
      case 'null': {
        const plain = readPlain(text)
        const fits = plain.ok && (name === 'bool' ? typeof plain.value === 'boolean' : plain.value === null)
        return fits ? plain : mismatch
      }
      default:
        if (tag === '!') return asText
        this.unknownTag(tag, node, path)
        return asText
    }
  }

  private checkTag(node: Scalar | YAMLMap | Node, expected: string, path: DocumentPath): void {
    const tag = 'tag' in node ? node.tag : undefined
    if (tag !== undefined && tag !== '!' && tag !== `${TAG_PREFIX}${expected}`) this.unknownTag(tag, node, path)
  }

  private unknownTag(tag: string, node: Node, path: DocumentPath): void {
    const shown = tag.startsWith(TAG_PREFIX) ? `!!${tag.slice(TAG_PREFIX.length)}` : tag
    this.problem(
      path,
      spanOf(node),
      `the tag ${shown} is not known`,
      'Only !!str, !!int, !!float, !!bool and !!null are.',
    )
  }

  private giveUp(node: Node | null | undefined, path: DocumentPath, message: string): ScalarNode {
    this.full = true
    this.problem(path, spanOf(node), message)
    return EMPTY
  }

  private problem(path: DocumentPath, span: Span, message: string, hint?: string): void {
    if (this.problems.length < 100) this.problems.push({ path, span, message, ...(hint === undefined ? {} : { hint }) })
  }
}

function spanOf(node: Node | null | undefined): Span {
  const range = node?.range
  return range === null || range === undefined ? null : [range[0], range[1]]
}
