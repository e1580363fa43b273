import { connect } from 'node:net'

/** How long before the end of a lease an agent that is cut off acts, at most; and at most a fifth of the lease. */
const MARGIN_MS = 5000
/** A server that does not answer but can be reached is looked at again this often. */
const AGAIN_MS = 1000

/** Whether anything at that address takes a connection or turns it down, which only a host that is there can do. */
export type Reach = (url: string, timeoutMs: number) => Promise<boolean>

export interface ContactOptions {
  readonly url: string
  /** The leases are about to run out and nothing can be reached; `leftMs` are left until they do. */
  readonly onCutOff: (leftMs: number) => void
  readonly reach?: Reach
}

/**
 * Tells a network that is cut from a server that is away. While the server itself is away (stopped, restarting, its
 * database hung), nobody gives our trials to others, and training goes on. When the network is cut, the server is well
 * for all we know and gives them away once their leases end; then what runs here runs for nothing, on GPUs that may be
 * somebody's.
 */
export class Contact {
  readonly #options: ContactOptions
  readonly #reach: Reach
  #timer: NodeJS.Timeout | undefined
  #leases = 0

  constructor(options: ContactOptions) {
    this.#options = options
    this.#reach = options.reach ?? canReach
  }

  /** The server has granted or renewed the lease of everything that runs here. */
  leaseGranted(leaseMs: number): void {
    this.#leases += 1
    clearTimeout(this.#timer)
    const marginMs = Math.min(MARGIN_MS, leaseMs / 5)
    // Half of the margin to find out, the other half to act.
    this.#later(leaseMs - marginMs, () => this.#look(marginMs / 2))
  }

  close(): void {
    this.#leases += 1
    clearTimeout(this.#timer)
  }

  async #look(leftMs: number): Promise<void> {
    const { url, onCutOff } = this.#options
    const leases = this.#leases
    const isThere = await this.#reach(url, leftMs)
    if (leases !== this.#leases) return
    if (isThere) this.#later(AGAIN_MS, () => this.#look(leftMs))
    else onCutOff(leftMs)
  }

  #later(ms: number, work: () => Promise<void>): void {
    this.#timer = setTimeout(() => void work(), ms)
    this.#timer.unref()
  }
}

/** Never rejects. */
export function canReach(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
    })
    const settle = (isThere: boolean) => {
      socket.destroy()
      clearTimeout(timer)
      resolve(isThere)
    }
    // Not the socket's own timeout, which does not run while a name is being looked up.
    const timer = setTimeout(() => settle(false), timeoutMs)
    socket.once('connect', () => settle(true))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET'),
    )
  })
}
