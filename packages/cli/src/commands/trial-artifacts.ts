import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Client } from '@sweep/client/client'
import { ArtifactPath } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import type { ArtifactView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveTrial } from '../names.ts'
import type { Column } from '../output.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

const TRIES = 3
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
      await download(client, sweepId, number, artifact, into)
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

/** Whole and checked, or not at all; tried again when the transfer breaks. */
async function download(
  client: Client,
  sweepId: string,
  trial: number,
  { path, sha256 }: ArtifactView,
  into: string,
): Promise<void> {
  // What a server says is no reason to write anywhere else.
  const file = join(into, ArtifactPath.parse(path))
  await mkdir(dirname(file), { recursive: true })
  for (let left = TRIES - 1; ; left -= 1) {
    const unfinished = `${file}.unfinished`
    try {
      const hash = createHash('sha256')
      const bytes = await client.getArtifact(sweepId, trial, path)
      const hashed = async function* () {
        for await (const chunk of bytes) {
          hash.update(chunk)
          yield chunk
        }
      }
      await pipeline(hashed, createWriteStream(unfinished))
      if (hash.digest('hex') !== sha256) throw new SweepError('checksum-mismatch', `${path} did not arrive as it was`)
      await rename(unfinished, file)
      return
    } catch (error) {
      await rm(unfinished, { force: true })
      const isOfDisk = error instanceof Error && 'syscall' in error && 'path' in error
      const isFinal = error instanceof SweepError && !error.retryable && error.code !== 'checksum-mismatch'
      if (left === 0 || isOfDisk || isFinal) throw error
    }
  }
}
