// Writes packages/spec/generated/sweep.schema.json, the JSON Schema of sweep files for editors. A test fails while the
// file differs from the schema in the code.
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const bundle = await rolldown({
  cwd: root,
  input: 'packages/spec/src/document/json-schema.ts',
  platform: 'node',
  logLevel: 'silent',
})
const { output } = await bundle.generate({ format: 'esm' })
await bundle.close()
// A data URL needs no temporary file; everything it imports is bundled.
const { sweepJsonSchemaText } = await import(
  `data:text/javascript;base64,${Buffer.from(output[0].code).toString('base64')}`
)
const folder = `${root}packages/spec/generated`
await mkdir(folder, { recursive: true })
await writeFile(`${folder}/sweep.schema.json`, sweepJsonSchemaText())
