import { mkdtempSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/**
 * For tests: entries of this service as they are shipped, `NAME.js` each. The caller removes the folder.
 * @param entries names to paths beside this file
 */
export async function bundleForTest(entries: Readonly<Record<string, string>>): Promise<string> {
  // Beside node_modules, where the bundle finds what is not bundled.
  const dist = mkdtempSync(fileURLToPath(new URL('../../../node_modules/.agent-test-', import.meta.url)))
  const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
  const bundle = await rolldown({
    input: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [name, fileURLToPath(new URL(path, import.meta.url))]),
    ),
    platform: 'node',
    external: (id) => builtins.has(id) || (/^[@a-z]/.test(id) && !id.startsWith('@sweep/')),
  })
  await bundle.write({ dir: dist, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name].js' })
  await bundle.close()
  return dist
}
