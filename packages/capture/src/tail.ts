import { type FSWatcher, readSync, watch } from 'node:fs'

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** One read at most, and so the longest line that is understood. */
export const WINDOW_BYTES = 256 * 1024

export interface Line {
  /** Without its newline; bytes that are not UTF-8 are replaced by U+FFFD. */
  readonly text: string
  /** Offset of the byte behind the line, newline included. */
  readonly end: number
}

export interface LineWindow {
  readonly lines: readonly Line[]
  /** Where to read on. */
  readonly to: number
  /** Nothing more can be had now: what is left, if anything, is a line without its end. */
  readonly atEnd: boolean
  /** Bytes of lines longer than a window, which were skipped. */
  readonly skippedBytes: number
}

export interface ReadOptions {
  /** Nothing will be appended any more, so a last line without newline is a line. */
  readonly final?: boolean
}

// Shared by all readers, which never wait while they use it.
const shared = Buffer.allocUnsafeSlow(WINDOW_BYTES + 1)

/**
 * Reads complete lines from a byte offset on, one window of at most 256 KiB at a time. Stateless: the offset is all there
 * is to remember, and any offset will do. One in the middle of a line means that the line was too long, and its rest is
 * skipped. A line longer than the window is cut at its last carriage return (a progress bar that never ends), or skipped.
 */
export function readLines(file: number, from: number, options: ReadOptions = {}): LineWindow {
  // One byte more in front tells whether we begin at the start of a line.
  const before = from > 0 ? 1 : 0
  const read = readSync(file, shared, 0, WINDOW_BYTES + before, from - before)
  const size = Math.max(0, read - before)
  const full = size === WINDOW_BYTES
  const data = shared.subarray(before, before + size)
  let start = 0
  let skippedBytes = 0
  if (before === 1 && read > 0 && shared[0] !== NEWLINE && shared[0] !== CARRIAGE_RETURN) {
    const newline = data.indexOf(NEWLINE)
    if (newline === -1) {
      return { lines: [], to: from + size, atEnd: !full, skippedBytes: size }
    }
    start = newline + 1
    skippedBytes = start
  }
  const lines: Line[] = []
  for (let newline = data.indexOf(NEWLINE, start); newline !== -1; newline = data.indexOf(NEWLINE, start)) {
    lines.push({ text: data.toString('utf8', start, newline), end: from + newline + 1 })
    start = newline + 1
  }
  if (start < size && options.final === true && !full) {
    lines.push({ text: data.toString('utf8', start, size), end: from + size })
    start = size
  } else if (start === 0 && full) {
    // Not one line in a whole window.
    const lastReturn = data.lastIndexOf(CARRIAGE_RETURN)
    const cut = lastReturn === -1 ? size : lastReturn + 1
    if (lastReturn !== -1) lines.push({ text: data.toString('utf8', 0, cut), end: from + cut })
    else skippedBytes += size
    start = cut
  }
  return { lines, to: from + start, atEnd: !full, skippedBytes }
}

/**
 * Tells when something in a folder changes, by its name, through inotify and its kin. Where those are missing or used up
 * (`ENOSPC` on a host with many watchers) it stays silent, and the caller's slow polling has to do.
 */
export function watchFolder(folder: string, onChange: (name: string) => void): { close(): void } {
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(folder, (_event, name) => {
      if (name !== null) onChange(name)
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // See above.
  }
  return { close: () => watcher?.close() }
}
