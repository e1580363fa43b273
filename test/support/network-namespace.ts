import { execFileSync } from 'node:child_process'

/** Whether this user may make network namespaces and links between them. */
export function hasNetworkNamespaces(): boolean {
  try {
    execFileSync('ip', ['netns', 'add', `sweep-probe-${process.pid}`], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'del', `sweep-probe-${process.pid}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export const WITHOUT_NAMESPACES = 'skipped without network namespaces: needs root and apt-get install iproute2'

/** A host of its own, as far as the network goes: a namespace with one link to this one. */
export class NetworkNamespace {
  readonly name: string
  /** Address by which programs inside reach what listens on all addresses here. */
  readonly gateway: string
  readonly #link: string

  private constructor(index: number) {
    this.name = `sweep-${process.pid}-${index}`
    this.#link = `sw${process.pid}i${index}`
    this.gateway = `10.213.${index}.1`
  }

  /** @param index from 0 to 255, the same twice only one after the other */
  static make(index: number): NetworkNamespace {
    const made = new NetworkNamespace(index)
    const { name, gateway } = made
    const inside = `${made.#link}p`
    ip('netns', 'add', name)
    ip('link', 'add', made.#link, 'type', 'veth', 'peer', 'name', inside, 'netns', name)
    ip('addr', 'add', `${gateway}/24`, 'dev', made.#link)
    ip('link', 'set', made.#link, 'up')
    ip('-n', name, 'addr', 'add', gateway.replace(/1$/, '2/24'), 'dev', inside)
    ip('-n', name, 'link', 'set', inside, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    return made
  }

  /** The words before a command that runs it in here. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Pulls the plug, or puts it back; connections see nothing of it but silence. */
  setConnected(isConnected: boolean): void {
    ip('link', 'set', this.#link, isConnected ? 'up' : 'down')
  }

  remove(): void {
    ip('netns', 'del', this.name)
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
