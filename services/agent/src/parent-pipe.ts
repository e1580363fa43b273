/**
 * Set by a server that starts an agent as its child: the agent ends when its standard input does. It says no goodbye
 * to anybody then, so all goes as if it had been killed: its programs run on, and the next agent of its home takes
 * them over, or else the reaper ends them before their leases run out.
 */
export const ENDS_WITH_STDIN = 'SWEEP_ENDS_WITH_STDIN'

/** Calls `onEnd` once, when the process at the other end of standard input is gone. */
export function whenParentEnds(stdin: NodeJS.ReadStream, onEnd: () => void): void {
  let isOver = false
  const end = () => {
    if (isOver) return
    isOver = true
    onEnd()
  }
  stdin.once('end', end)
  stdin.once('close', end)
  stdin.once('error', end)
  stdin.resume()
}
