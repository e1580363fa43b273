import type { Client } from '@sweep/client/client'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Json } from '@sweep/spec/number'
import type { SweepCreated, SweepView } from '@sweep/spec/wire/api'
import { uploadCode } from './code/upload-code.ts'
import type { CliContext } from './context.ts'
import { budgetText } from './present.ts'
import type { SweepFile } from './sweep-files.ts'

/** Sends a checked sweep file to the server, its code first. */
export async function createOnServer(
  context: CliContext,
  file: SweepFile,
  overrides: Record<string, Json>,
  document: SweepDocument,
): Promise<{ client: Client; created: SweepCreated }> {
  const client = await context.client()
  const { source, workdir } = file
  const code = await uploadCode(context, client, workdir, document)
  const created = await client.createSweep({ source, file: file.file, workdir, overrides, code })
  return { client, created }
}

/** What to do next with a new sweep. */
export function sayCreated(context: CliContext, sweep: SweepView): void {
  const budget = budgetText(sweep.budget)
  context.say(`Created sweep ${sweep.name} (${sweep.id})${budget === 'none' ? '' : `, up to ${budget}`}
  watch it     sweep watch ${sweep.id}
  best so far  sweep leaderboard ${sweep.id}
  end it       sweep stop ${sweep.id}${context.address === undefined ? '' : `\n  in a browser ${context.address}`}`)
}
