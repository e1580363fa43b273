import { resolve } from 'node:path'
import type { ModelFileList } from '@sweep/spec/wire/tracking/models'
import type { Command } from '../command.ts'
import { downloadFile } from '../download-file.ts'
import { EXIT } from '../exit-codes.ts'
import { requireVersionName } from '../names.ts'
import type { Column } from '../output.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

const COLUMNS: Column<ModelFileList['files'][number]>[] = [
  { name: 'path', value: (file) => file.path, flexible: true, minWidth: 12 },
  { name: 'bytes', value: (file) => file.sizeBytes, align: 'right' },
  { name: 'sha256', value: (file) => file.sha256, wide: true },
]

export const command: Command = {
  async run(context, args, options) {
    const { name, version } = requireVersionName(args[0] ?? '')
    const client = await context.client()
    // A stage may mean another version by the time of the last file.
    const found = await client.models.version(name, version)
    const number = String(found.version)
    const { files } = await client.models.files(name, number)
    const folder = options.text('download')
    if (folder === undefined) {
      await context.printRows(files, COLUMNS, (file) => file.path)
      if (files.length === 0) context.say(`Its files are not kept here but at ${found.source ?? 'an unknown place'}.`)
      return EXIT.ok
    }
    const into = resolve(context.process.cwd, folder)
    for (const file of files) {
      await downloadFile(into, file, () => client.models.file(name, number, file.path))
      context.say(`${escapeLines(file.path)}  ${file.sizeBytes} bytes`)
    }
    context.say(`${files.length} files of version ${number} in ${into}`)
    return EXIT.ok
  },
}
