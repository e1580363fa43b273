import type { Command } from '../command.ts'

export const command: Command = {
  async run(context) {
    if (context.isMachineReadable && context.flags.output !== 'name') {
      await context.printData({
        version: context.version,
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
      })
    } else context.write(`${context.version}\n`)
    return undefined
  },
}
