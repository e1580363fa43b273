import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  loadFileDescriptorSetFromBuffer,
  loadSync,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { type Message, TestGrpc } from '../testing/test-grpc.ts'
import { Descriptors, type MessageDescriptor } from './descriptors.ts'
import { loadDescriptors, loadTrackingProto, TRACKING_SERVICE } from './load-proto.ts'

let api: TestApi
let grpc: TestGrpc
beforeAll(async () => {
  api = await testApi({ grpcPort: 0 })
  grpc = new TestGrpc(api)
})
afterAll(async () => {
  grpc.close()
  await api.close()
})

/** The files as one FileDescriptorSet: each behind the tag of field 1 and its length. */
function definitionOf(files: readonly Uint8Array[]): PackageDefinition {
  const parts = files.flatMap((file) => {
    const length: number[] = []
    let rest = file.length
    for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
    return [Buffer.from([0x0a, ...length, rest]), file]
  })
  return loadFileDescriptorSetFromBuffer(Buffer.concat(parts), { keepCase: true, longs: Number, enums: String })
}

/** protobufjs and compilers call the message of an entry of a map differently. */
const withoutEntry = (name: string) => name.replace(/Entry\b/, '')

/** Name, number, label and type of every field, of the messages inside too; a type by its full name. */
function fieldsOf(descriptors: Descriptors, fullName: string, message: MessageDescriptor): unknown[][] {
  const fields = message.field.map(({ name, type, label, typeName, ...rest }) => [
    withoutEntry(`${fullName}.${name}`),
    (rest as { number?: number }).number,
    label,
    type,
    typeName === '' ? '' : withoutEntry(descriptors.find(typeName, fullName).fullName),
  ])
  const inside = message.nestedType.flatMap((one) => fieldsOf(descriptors, `${fullName}.${one.name}`, one))
  return [...fields, ...inside].sort((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1))
}

function shapeOf(definition: PackageDefinition): unknown {
  const descriptors = new Descriptors(definition)
  const names = Object.keys(definition).filter((name) => name.startsWith('sweep.') && name !== TRACKING_SERVICE)
  const shapes = names.sort().map((name) => {
    const found = descriptors.get(name)
    return found.kind === 'message'
      ? [name, fieldsOf(descriptors, name, found.message)]
      : [name, found.enum.value.map((one) => one.name)]
  })
  const methods = Object.values(definition[TRACKING_SERVICE] as ServiceDefinition).map(
    ({ path, requestStream, responseStream, requestType, responseType }) => [
      ...[path, requestStream, responseStream],
      ...[requestType, responseType].map(({ type }) => (type as { name: string }).name),
    ],
  )
  return { shapes, methods }
}

test('what reflection tells is the proto file; else run node scripts/generate-descriptors.mjs', () => {
  const { files } = loadDescriptors()
  const described = definitionOf((files as unknown as { fileDescriptorProtos: Buffer[] }).fileDescriptorProtos)
  expect(shapeOf(described)).toEqual(shapeOf(loadTrackingProto()))
})

test.each(['v1', 'v1alpha'])(
  'a client that has nothing but reflection (%s) lists the services and calls one',
  async (version) => {
    const reflection = reflectionOf(version)
    const call = grpc.client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      reflection.requestSerialize as (message: Message) => Buffer,
      reflection.responseDeserialize as (bytes: Buffer) => Message,
    )
    const replies = call[Symbol.asyncIterator]() as AsyncIterator<Message>
    const ask = async (request: Message) => {
      call.write(request)
      return (await replies.next()).value as Message
    }
    const listed = await ask({ listServices: '' })
    expect(listed['listServicesResponse']).toEqual({
      service: [{ name: 'grpc.health.v1.Health' }, { name: TRACKING_SERVICE }],
    })
    const found = await ask({ fileContainingSymbol: TRACKING_SERVICE })
    call.end()
    const { fileDescriptorProto } = found['fileDescriptorResponse'] as { fileDescriptorProto: Buffer[] }
    const service = definitionOf(fileDescriptorProto)[TRACKING_SERVICE] as ServiceDefinition
    const { path, requestSerialize, responseDeserialize } = service['CreateRun']!
    const run = await new Promise<object>((resolve, reject) => {
      const request = { experiment: 'by reflection', status: 'RUN_STATUS_PENDING' }
      grpc.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        grpc.metadata(),
        (error, reply) => (error === null ? resolve(reply ?? {}) : reject(error)),
      )
    })
    expect(run).toMatchObject({
      experiment: 'by reflection',
      created_by: 'user:operator',
      status: 'RUN_STATUS_PENDING',
    })
  },
)

function reflectionOf(version: string) {
  const file = fileURLToPath(import.meta.resolve('@grpc/reflection')).replace(
    /build\/src\/index\.js$/,
    `build/proto/grpc/reflection/${version}/reflection.proto`,
  )
  const definition = loadSync(file)
  return (definition[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition)['ServerReflectionInfo']!
}

const PYTHON = fileURLToPath(new URL('../../../../test/fixtures/grpc-client.py', import.meta.url))
const PROTO_FOLDER = fileURLToPath(new URL('../../proto/', import.meta.url))
const hasPython = spawnSync('python3', ['-c', 'import grpc, grpc_tools'], { stdio: 'ignore' }).status === 0

test.skipIf(!hasPython)(
  `a client of stock Python, from the proto file alone${hasPython ? '' : ' (skipped: pip install grpcio grpcio-tools)'}`,
  async () => {
    const address = api.api.grpc ?? ''
    const argv = [PYTHON, PROTO_FOLDER, address, api.tokens.operator]
    const { stdout } = await promisify(execFile)('python3', argv)
    expect(JSON.parse(stdout)).toEqual({
      health: 'SERVING',
      run: { name: 'r "x" \u{1f642}', status: 'RUN_STATUS_RUNNING', params: { lr: 0.1, layers: [1, 2], none: null } },
      batches: [1, 2, 3],
      history: { 'eval/loss': [0.5, 0.25], loss: ['NaN', 'Infinity', '-Infinity'] },
      uploaded: 300_000,
      downloaded: 'the same',
      conflict: { status: 'FAILED_PRECONDITION', reason: 'CONFLICT', code: 'conflict' },
      nobody: 'UNAUTHENTICATED',
    })
  },
)
