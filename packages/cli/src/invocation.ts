import type { CommandEntry } from './command-table/command-entry.ts'

export interface Invocation {
  readonly entry: CommandEntry
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
  readonly globals: Readonly<Record<string, unknown>>
}

/** Help, which is data, or the command to run. */
export type Parsed = { readonly help: string } | { readonly invocation: Invocation }
