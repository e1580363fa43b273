// `npm run bench -- NAME [options]`: builds, then runs one benchmark. See test/bench/main.ts for the names.
import { builtinModules } from 'node:module'
import { build, install, root, run } from './prepare.mjs'

install()
build()
const { rolldown } = await import('rolldown')
const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
const bundle = await rolldown({
  input: { main: `${root}test/bench/main.ts`, simulator: `${root}test/bench/agents/simulator.ts` },
  platform: 'node',
  external: (id) => builtins.has(id) || (/^[@a-z]/.test(id) && !id.startsWith('@sweep/') && !id.startsWith(root)),
})
await bundle.write({ dir: `${root}dist/bench`, format: 'esm', entryFileNames: '[name].js' })
await bundle.close()
run(process.execPath, ['dist/bench/main.js', ...process.argv.slice(2)])
