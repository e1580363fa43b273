import { sweepHome } from '@sweep/spec/sweep-home'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the environment says; command-line flags win over it. */
export interface CliSettings {
  /** Folder of the local server: its database, its log, `server.json` and `token`. */
  readonly home: string
  readonly url: string | undefined
  readonly token: string | undefined
  readonly output: string | undefined
  /** Port for a server that is started here; undefined means 4600. */
  readonly port: string | undefined
  /** Further variables that a program run here gets, as on the host of an agent. */
  readonly passEnv: readonly string[]
  readonly color: 'always' | 'never' | 'auto'
  /** A program reads what is printed: no redrawing, no questions. */
  readonly dumb: boolean
}

export const DEFAULT_PORT = 4600

export function readSettings(environment: Environment): CliSettings {
  const text = (name: string): string | undefined => {
    const value = environment[name]
    return value === undefined || value === '' ? undefined : value
  }
  const force = text('FORCE_COLOR')
  const dumb = environment['TERM'] === 'dumb'
  return {
    home: sweepHome(environment),
    url: text('SWEEP_URL'),
    token: text('SWEEP_TOKEN'),
    output: text('SWEEP_OUTPUT'),
    port: text('SWEEP_PORT'),
    passEnv: (text('SWEEP_PASS_ENV') ?? '').split(/[\s,]+/).filter((name) => name !== ''),
    // no-color.org: any value that is not empty; FORCE_COLOR=0 says no.
    color:
      text('NO_COLOR') !== undefined || force === '0' || force === 'false'
        ? 'never'
        : force !== undefined
          ? 'always'
          : dumb
            ? 'never'
            : 'auto',
    dumb: dumb || text('CI') !== undefined,
  }
}
