import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'
import { z } from 'zod'

/** In a bundle beside the bundle, in the source tree beside `src`. */
const FOLDERS = ['./proto/', '../../proto/']

export const TRACKING_SERVICE = 'sweep.tracking.v1.TrackingService'

/** The service and its messages, by the names that they have in the file. */
export function loadTrackingProto(): PackageDefinition {
  return loadProto('sweep/tracking/v1/tracking.proto')
}

/** `google.rpc`: what errors carry. */
export function loadErrorProto(): PackageDefinition {
  return loadProto('google/rpc/status.proto', 'google/rpc/error_details.proto')
}

/** The files of the service and those that they import as compilers see them, for reflection and nothing else. */
export function loadDescriptors(): PackageDefinition {
  const text = readFileSync(join(protoFolder(), 'generated', 'descriptors.json'), 'utf8')
  const files = z.array(z.string()).parse(JSON.parse(text))
  const fileDescriptorProtos = files.map((file) => Buffer.from(file, 'base64'))
  return { files: { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } }
}

function loadProto(...files: string[]): PackageDefinition {
  return loadSync(files, { keepCase: true, longs: Number, enums: String, includeDirs: [protoFolder()] })
}

function protoFolder(): string {
  const places = FOLDERS.map((place) => fileURLToPath(new URL(place, import.meta.url)))
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw new Error(`the service has no proto files at ${places.join(' or ')}`)
  return found
}
