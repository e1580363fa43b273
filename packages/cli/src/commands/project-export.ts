import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { unpackArchive } from '@sweep/snapshot/unpack'
import { SweepError } from '@sweep/spec/errors'
import { TRANSFER_FORMATS } from '@sweep/spec/transfer-formats'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { resolveProject } from '../resolve-project.ts'

export const command: Command = {
  async run(context, args, options) {
    const format = TRANSFER_FORMATS.find((one) => one === options.text('format')) ?? 'jsonl'
    const client = await context.client()
    const project = await resolveProject(client, args[0] ?? '')
    const out = resolve(context.process.cwd, options.text('out') ?? fileName(project.name))
    const isFile = /\.(tar|tar\.gz|tgz)$/.test(out)
    await refuseTaken(out, isFile)
    const files = options.notDenied('files')
    let sizeBytes = 0
    const counted = new Transform({
      transform(chunk: Buffer, _, done) {
        sizeBytes += chunk.length
        done(null, chunk)
      },
    })
    const read = async () => Readable.from(await client.projects.exportProject(project.id, { format, files }))
    // Whole or not at all: what breaks off must not look like an archive.
    const unfinished = `${out}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    try {
      if (isFile) {
        const gzip = out.endsWith('.tar') ? [] : [createGzip()]
        await pipeline([await read(), counted, ...gzip, createWriteStream(unfinished)])
      } else {
        await mkdir(unfinished, { recursive: true })
        const broken = pipeline(await read(), counted)
        await Promise.all([unpackArchive(counted, unfinished), broken])
        await stat(join(unfinished, 'manifest.json'))
      }
      await rename(unfinished, out)
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true })
      throw whyBroken(error, out)
    }
    await context.printRecord({ project: project.name, format, out, sizeBytes }, [['out', out]], out)
    context.say(`Project ${project.name}: ${Math.ceil(sizeBytes / 1024)} KiB of ${format} before compression.`)
    return undefined
  },
}

function fileName(project: string): string {
  return `${project.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^\.+/, '')}.tar.gz`
}

async function refuseTaken(out: string, isFile: boolean): Promise<void> {
  const found = await stat(out).catch(() => undefined)
  if (found === undefined) return
  if (!isFile && found.isDirectory() && (await readdir(out)).length === 0) return
  throw usageError(`${out} is there already.`, 'Name another path with --out, or remove that one.')
}

function whyBroken(error: unknown, out: string): unknown {
  if (error instanceof SweepError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof Error && 'syscall' in error) {
    return usageError(`${basename(out)} can't be written to ${out} (${code}).`, 'Name a path in a folder of yours.')
  }
  return new SweepError('unreachable', 'the export broke off before it was whole, and nothing was kept of it', {
    hint: 'Try again; the log of the server says why.',
    cause: error,
  })
}
