export interface OptionEntry {
  /** As commander writes it: `-n, --trials <count>`. */
  readonly flags: string
  readonly help: string
  /** May be given several times. */
  readonly repeat?: boolean
  readonly choices?: readonly string[]
}

/** What an argument names, for completion. */
export type Completes = 'sweep' | 'trial' | 'file' | 'shell' | 'topic'

export interface CommandEntry {
  /** Words as typed: `trial logs`. */
  readonly name: string
  /** As commander writes them: `<sweep> [number]`. */
  readonly args?: string
  readonly summary: string
  /** Further lines for the command's own help. */
  readonly more?: string
  readonly group: string
  readonly options?: readonly OptionEntry[]
  readonly completes?: Completes
}

/** Headings under which `sweep --help` lists commands. */
export const LOCAL = 'On this machine'
export const START = 'Start a sweep'
export const LOOK = 'Look'
export const STEER = 'Steer'
export const RUN_BY = 'Agents and access'
export const HELP = 'Help'
