import { createInterface } from 'node:readline'
import type { CliProcess } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { rootHelp } from './root-help.ts'

// A reader that has seen enough (`sweep ls | head -1`) is no error, and nobody is left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed))
}

const interrupt = new AbortController()
let listening = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!listening || interrupt.signal.aborted) process.exit(signal === 'SIGINT' ? EXIT.interrupted : 143)
    interrupt.abort()
  })
}

const cliProcess: CliProcess = {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  readStdin: async () => {
    let text = ''
    process.stdin.setEncoding('utf8')
    for await (const chunk of process.stdin) text += String(chunk)
    return text
  },
  isStdinTty: process.stdin.isTTY === true,
  ask: (question) =>
    new Promise((resolve) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      lines.on('close', () => resolve(undefined))
      lines.question(question, (answer) => {
        resolve(answer)
        lines.close()
      })
    }),
  cwd: process.cwd(),
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
      function done(): void {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
    }),
  interrupted: () => {
    listening = true
    return interrupt.signal
  },
}

const argv = process.argv.slice(2)
const isHelp = argv.length === 0 || (argv.length === 1 && ['--help', '-h', 'help'].includes(argv[0] ?? ''))
let code: number = EXIT.ok
// Help of `sweep` itself loads nothing but the table of commands.
if (isHelp) process.stdout.write(rootHelp())
else code = await (await import('./cli.ts')).runCli(argv, cliProcess)
// What was written must have left before the process ends: a pipe takes 64 KiB at a time.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
