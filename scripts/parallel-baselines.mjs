// Writes test/bench/search/fixtures/parallel-baselines.json: what Optuna's samplers reach on the tasks of the suite with many
// trials at once, one seed a row. `node scripts/parallel-baselines.mjs VERSION FOLDER` takes Optuna's version and the folder
// into which the suite's own script wrote its results:
//
//   python3 run_sequential.py --samplers optuna-tpe --seeds 10 --n 200 --parallel 32 --raw FOLDER
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [version, folder] = process.argv.slice(2)
if (!version || !folder) {
  console.error('usage: node scripts/parallel-baselines.mjs VERSION FOLDER')
  process.exit(1)
}

const results = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  .filter(({ parallel, error }) => parallel > 1 && error === null)
  .map(({ task, sampler, parallel, budgets, regret }) => ({ task, sampler, parallel, budgets, per_seed: regret }))
  .sort((a, b) => a.parallel - b.parallel || compare(a.sampler, b.sampler) || compare(a.task, b.task))

const file = fileURLToPath(new URL('../test/bench/search/fixtures/parallel-baselines.json', import.meta.url))
const lines = results.map((result) => JSON.stringify(result)).join(',\n')
writeFileSync(file, `{"versions":{"optuna":${JSON.stringify(version)}},"results":[\n${lines}\n]}\n`)
console.error(`${results.length} results in ${file}`)

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
