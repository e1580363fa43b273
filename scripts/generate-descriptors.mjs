// Writes services/api/proto/generated/descriptors.json: tracking.proto and the health service of gRPC as a compiler of
// protobuf sees them, which is what reflection tells clients. protobufjs, which the service runs on, leaves out what their
// compilers insist on: which file imports which, and which fields are optional. A test fails while the file differs from
// tracking.proto.
//
// Takes buf (https://buf.build) from npm for as long as it runs.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BUF = '@bufbuild/buf@1.75.0'
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}services/api/proto/`
const files = {
  'sweep/tracking/v1/tracking.proto': `${folder}sweep/tracking/v1/tracking.proto`,
  'grpc/health/v1/health.proto': `${root}node_modules/grpc-health-check/proto/health/v1/health.proto`,
}

const scratch = mkdtempSync(join(tmpdir(), 'sweep-descriptors-'))
try {
  for (const [path, from] of Object.entries(files)) cpSync(from, join(scratch, 'proto', path))
  const build = ['buf', 'build', 'proto', '--as-file-descriptor-set', '--exclude-source-info', '-o', 'set.binpb']
  execFileSync('npx', ['--yes', '--ignore-scripts', '-p', BUF, ...build], { cwd: scratch, stdio: 'inherit' })
  const described = filesOf(readFileSync(join(scratch, 'set.binpb'))).map((bytes) => bytes.toString('base64'))
  mkdirSync(`${folder}generated`, { recursive: true })
  writeFileSync(`${folder}generated/descriptors.json`, `${JSON.stringify(described, null, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true })
}

/** The parts of a FileDescriptorSet, of which each is a tag, a length and a FileDescriptorProto. */
function filesOf(set) {
  const found = []
  for (let at = 0; at < set.length; ) {
    if (set[at] !== 0x0a) throw new Error('this is no FileDescriptorSet')
    at += 1
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = set[at]
      at += 1
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    found.push(set.subarray(at, at + length))
    at += length
  }
  return found
}
