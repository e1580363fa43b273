import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { Entry } from '@sweep/snapshot/entry'
import { packFolder } from '@sweep/snapshot/pack'
import { SweepError } from '@sweep/spec/errors'
import type { Command } from '../command.ts'

export const command: Command = {
  async run(context, args, options) {
    const path = resolve(context.process.cwd, args[0] ?? '')
    const bytes = await open(path)
    const client = await context.client()
    const done = await client.projects.importProject(bytes, { name: options.text('name') })
    const { project, experiments, runs, points, artifacts } = done
    const fields = [
      ['project', project.name],
      ['experiments', experiments],
      ['runs', runs],
      ['points', points],
      ['files', artifacts],
    ] as const
    await context.printRecord(done, fields, project.name)
    return undefined
  },
}

async function open(path: string): Promise<Readable> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new SweepError('not-found', `There is no file or folder ${path}.`)
  return found.isDirectory() ? packFolder(path, await entriesOf(path)) : createReadStream(path)
}

/** Files of a folder that an export has made; whatever else is there the server refuses. */
async function entriesOf(root: string): Promise<Entry[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  const entries: Entry[] = []
  for (const entry of found) {
    if (!entry.isFile()) continue
    const absolute = join(entry.parentPath, entry.name)
    const path = absolute.slice(root.length + 1).replaceAll('\\', '/')
    entries.push({ kind: 'file', path, sizeBytes: (await stat(absolute)).size, isExecutable: false })
  }
  return entries
}
