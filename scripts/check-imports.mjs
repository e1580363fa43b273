// Fails on an import against the direction of docs/architecture.md: services → store, queue, launchers, capture,
// search → spec, and cli → client → spec. Cycles between files are Biome's to find.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What the production files of each workspace may import of ours. */
const ALLOWED = {
  spec: [],
  search: ['spec'],
  analysis: ['spec'],
  report: ['analysis', 'spec'],
  capture: ['spec'],
  log: [],
  objects: ['spec'],
  snapshot: ['spec'],
  monitoring: ['spec'],
  launchers: ['spec'],
  store: ['spec'],
  queue: ['spec', 'store'],
  client: ['spec'],
  // `sweep replay` recomputes decisions on the user's machine, with the very code that made them, and `sweep trial repro`
  // runs a program there as an agent does.
  cli: ['client', 'snapshot', 'launchers', 'capture', 'spec', 'search'],
  controller: ['store', 'queue', 'search', 'analysis', 'log', 'monitoring', 'spec'],
  api: ['objects', 'store', 'queue', 'search', 'log', 'monitoring', 'analysis', 'report', 'spec'],
  agent: ['launchers', 'capture', 'client', 'snapshot', 'queue', 'log', 'monitoring', 'spec'],
  standalone: ['api', 'controller', 'agent', 'store', 'queue', 'launchers', 'client', 'log', 'monitoring', 'spec'],
}

const problems = []
for (const group of ['packages', 'services']) {
  for (const workspace of readdirSync(join(root, group))) {
    if (workspace === 'python') continue
    const allowed = ALLOWED[workspace]
    if (!allowed) problems.push(`${group}/${workspace}: not in scripts/check-imports.mjs; say what it may import`)
    for (const file of sources(join(root, group, workspace, 'src'))) check(file, workspace, allowed ?? [])
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}

function check(file, workspace, allowed) {
  const isTest = /\.(test|contract|bench)\.ts$/.test(file) || file.includes('/testing/')
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const from = /(?:from|import)\s*\(?\s*'([^']+)'/.exec(line)?.[1]
      if (!from) return
      const where = `${relative(root, file)}:${index + 1}`
      const target = /^@sweep\/([a-z]+)\//.exec(from)?.[1]
      if (target && target !== workspace && !allowed.includes(target) && !isTest) {
        problems.push(`${where}: ${workspace} may not import ${target}`)
      }
      if (target === workspace) problems.push(`${where}: a package imports itself; use a relative path`)
      const reached = from.startsWith('.') ? relative(join(root), join(dirname(file), from)) : ''
      const home = relative(root, file).split('/').slice(0, 2).join('/')
      if (reached && reached !== 'package.json' && !reached.startsWith(home) && !isTest)
        problems.push(`${where}: reaches out of ${home} by a relative path`)
    })
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.ts$/.test(entry.name) ? [path] : []
  })
}
