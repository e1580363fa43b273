import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const BUILTINS = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

/** The controller as `npm run build` makes it, in a folder of its own, so that these tests need no build before them. */
export async function bundleController(): Promise<{ readonly file: string; remove(): Promise<void> }> {
  // Inside the work tree: the bundle imports other people's packages from node_modules.
  const folder = `${ROOT}node_modules/.cache/sweep-controller-${process.pid}`
  await mkdir(folder, { recursive: true })
  const bundle = await rolldown({
    input: { controller: `${ROOT}services/controller/src/main.ts` },
    platform: 'node',
    external: (id) => BUILTINS.has(id) || (/^[@a-z]/.test(id) && !id.startsWith('@sweep/') && !id.startsWith(ROOT)),
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  await symlink(`${ROOT}packages/store/migrations`, `${folder}/migrations`)
  return { file: `${folder}/controller.js`, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** A controller in a process of its own, to be killed. */
export class ControllerProcess {
  readonly #child: ChildProcess
  readonly exited: Promise<number | NodeJS.Signals | null>
  output = ''

  constructor(file: string, env: Readonly<Record<string, string>>) {
    const { SWEEP_CRASH_AT: _, ...inherited } = process.env
    this.#child = spawn(process.execPath, [file], {
      env: { ...inherited, SWEEP_LOG_LEVEL: 'info', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (chunk) => (this.output += chunk))
    this.#child.stderr?.on('data', (chunk) => (this.output += chunk))
    this.exited = new Promise((resolve) => this.#child.once('exit', (code, signal) => resolve(signal ?? code)))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#child.kill(signal)
    return await this.exited
  }
}
