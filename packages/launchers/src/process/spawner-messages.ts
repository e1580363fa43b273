import type { ProgramEnd, SpawnFailure, SpawnRequest } from './spawner.ts'

/**
 * What an agent and the process that spawns for it say to each other, one message a line, each written in one go. Both
 * ends are of one version, so nothing is validated.
 */
export type ToSpawner =
  | { readonly kind: 'spawn'; readonly turn: number; readonly request: SpawnRequest }
  /** The server has granted or renewed the lease of everything that runs here, by so much. */
  | { readonly kind: 'lease'; readonly ms: number }
  /** Nothing of ours runs any more, or somebody else will look after it. */
  | { readonly kind: 'bye' }

export type FromSpawner =
  | { readonly kind: 'started'; readonly turn: number; readonly pid: number; readonly startTime: string }
  | { readonly kind: 'failed'; readonly turn: number; readonly failure: SpawnFailure }
  | { readonly kind: 'ended'; readonly turn: number; readonly end: ProgramEnd | undefined }

export function toLine(message: ToSpawner | FromSpawner): string {
  return `${JSON.stringify(message)}\n`
}

/** Gives whole messages as their lines arrive in chunks. Not `readline`: it takes more than a newline for an end of line. */
export class MessageLines<Message> {
  #rest: string[] = []

  read(chunk: string): Message[] {
    const [head = '', ...ends] = chunk.split('\n')
    this.#rest.push(head)
    return ends.map((next) => {
      const line = this.#rest.join('')
      this.#rest = [next]
      return JSON.parse(line) as Message
    })
  }
}
