import { watchFolder } from '@sweep/capture/tail'
import type { RunFolder } from '@sweep/launchers/run-folder'

/**
 * A program that is over by then is never watched: it is read at its end anyway, and to begin and end a watch is an eighth
 * of what the agent does for it.
 */
const WATCHED_AFTER_MS = 25

/** Calls when the program may have reported or printed something. */
export function watchRun(folder: RunFolder, onChange: () => void): { close(): void } {
  let watcher: { close(): void } | undefined
  const timer = setTimeout(() => {
    watcher = watchFolder(folder.path, (name) => {
      if (name === 'metrics.jsonl' || name === 'output.log') onChange()
    })
    // What came before the watch.
    onChange()
  }, WATCHED_AFTER_MS)
  return {
    close: () => {
      clearTimeout(timer)
      watcher?.close()
    },
  }
}
