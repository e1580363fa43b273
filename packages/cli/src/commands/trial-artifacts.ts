import { resolve } from 'node:path'
import type { Client } from '@sweep/client/client'
import type { ArtifactView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { downloadFile } from '../download-file.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveTrial } from '../names.ts'
import type { Column } from '../output.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

const COLUMNS: Column<ArtifactView>[] = [
  { name: 'path', value: (artifact) => artifact.path, flexible: true, minWidth: 12 },
  { name: 'bytes', value: (artifact) => artifact.sizeBytes, align: 'right' },
  { name: 'attempt', value: (artifact) => artifact.attempt ?? undefined, align: 'right' },
  { name: 'created', value: (artifact) => artifact.createdAt },
  { name: 'sha256', value: (artifact) => artifact.sha256, wide: true },
]

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const { sweepId, number } = await resolveTrial(context, client, args)
    const artifacts = await listAll(client, sweepId, number)
    const folder = options.text('download')
    if (folder === undefined) {
      await context.printRows(artifacts, COLUMNS, (artifact) => artifact.path)
      if (artifacts.length === 0) context.say(`Trial ${sweepId}/${number} has left no files in artifacts/.`)
      return EXIT.ok
    }
    const into = resolve(context.process.cwd, folder)
    for (const artifact of artifacts) {
      await downloadFile(into, artifact, () => client.getArtifact(sweepId, number, artifact.path))
      context.say(`${escapeLines(artifact.path)}  ${artifact.sizeBytes} bytes`)
    }
    context.say(`${artifacts.length} files in ${into}`)
    return EXIT.ok
  },
}

async function listAll(client: Client, sweepId: string, trial: number): Promise<ArtifactView[]> {
  const all: ArtifactView[] = []
  for (let after: string | undefined; ; ) {
    const page = await client.listArtifacts(sweepId, trial, { after })
    all.push(...page.artifacts)
    if (page.next === null) return all
    after = page.next
  }
}
