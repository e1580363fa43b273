// Writes test/bench/multifidelity/fixtures/further-baselines.json: how long Optuna's and Syne Tune's methods take to the targets
// on the tasks, and with the seeds, that the suite's own file lacks, one result a row.
// `node scripts/multifidelity-baselines.mjs FOLDER NAME=VERSION…` takes the folder into which scripts/multifidelity-baselines.py
// wrote its results, and the versions of what it ran with.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder, ...versions] = process.argv.slice(2)
if (!folder || versions.length === 0) {
  console.error('usage: node scripts/multifidelity-baselines.mjs FOLDER NAME=VERSION…')
  process.exit(1)
}

const results = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  .map(({ task, method, workers, targets, median_full_seconds, runs }) => ({
    task,
    method,
    workers,
    targets,
    median_full_seconds,
    runs: runs.map(({ seed, hit, trials, steps }) => ({ seed, hit, trials, steps })),
  }))
  .sort((a, b) => compare(a.task, b.task) || compare(a.method, b.method) || a.workers - b.workers)

const file = fileURLToPath(new URL('../test/bench/multifidelity/fixtures/further-baselines.json', import.meta.url))
const lines = results.map((result) => JSON.stringify(result)).join(',\n')
const named = Object.fromEntries(versions.map((version) => version.split('=')))
writeFileSync(file, `{"versions":${JSON.stringify(named)},"results":[\n${lines}\n]}\n`)
console.error(`${results.length} results in ${file}`)

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
