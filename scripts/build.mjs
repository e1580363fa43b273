// Bundles the services and the command into dist/, which is what `npm pack` ships: our own packages inside, those of
// others left to node_modules. Chunks are split, so that `sweep --help` loads only what it prints.
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`

const input = {
  sweep: `${root}packages/cli/src/main.ts`,
  standalone: `${root}services/standalone/src/main.ts`,
  api: `${root}services/api/src/main.ts`,
  controller: `${root}services/controller/src/main.ts`,
  agent: `${root}services/agent/src/main.ts`,
  operator: `${root}services/agent/src/operator/main.ts`,
  reaper: `${root}services/agent/src/reaper.ts`,
  tracker: `${root}packages/client/src/tracking/main.ts`,
}

const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

const bundle = await rolldown({
  input,
  platform: 'node',
  external: (id) => builtins.has(id) || (/^[@a-z]/.test(id) && !id.startsWith('@sweep/') && !id.startsWith(root)),
})
rmSync(dist, { recursive: true, force: true })
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  // Beside the entries: what looks for its files next to itself finds them from any chunk.
  chunkFileNames: '[name]-[hash].js',
  banner: (chunk) => (chunk.name === 'sweep' && chunk.isEntry ? '#!/usr/bin/env node' : ''),
})
await bundle.close()
chmodSync(`${dist}/sweep.js`, 0o755)

/** What the programs read at run time, from where it is kept to where they look for it. */
const assets = [
  ['packages/store/migrations', 'migrations'],
  ['packages/python/sweep.py', 'python/sweep.py'],
  ['packages/python/sweep_tracking', 'python/sweep_tracking'],
  ['services/api/static', 'static'],
  ['services/api/proto', 'proto'],
  ['packages/spec/generated/sweep.schema.json', 'sweep.schema.json'],
]
for (const [from, to] of assets) {
  if (!existsSync(`${root}${from}`)) throw new Error(`nothing to copy at ${from}`)
  cpSync(`${root}${from}`, `${dist}/${to}`, { recursive: true, filter: (path) => !path.includes('__pycache__') })
}

// Declarations of what programs import: a file of types alone is its own declaration.
const types = readFileSync(`${root}packages/client/src/tracking/tracker-types.ts`, 'utf8')
writeFileSync(
  `${dist}/tracker.d.ts`,
  `${types}\nexport declare const startRun: StartRun\nexport declare const syncRuns: SyncRuns\n`,
)
