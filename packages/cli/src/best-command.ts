import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import type { Environment } from './settings.ts'

/** The command line that runs a config by hand, from the sweep's folder. */
export async function commandLineOf(document: SweepDocument, config: Config, env: Environment): Promise<string> {
  const { commandText } = await import('@sweep/spec/command-text')
  return commandText(document, config, env)
}
