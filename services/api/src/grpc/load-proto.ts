import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'

/** In a bundle beside the bundle, in the source tree beside `src`. */
const FOLDERS = ['./proto/', '../../proto/']

export const TRACKING_SERVICE = 'sweep.tracking.v1.TrackingService'

/** The service and its messages. Names stay as they are in the file, so that reflection tells the true ones. */
export function loadTrackingProto(): PackageDefinition {
  return loadProto('sweep/tracking/v1/tracking.proto')
}

/** `google.rpc`: what errors carry. */
export function loadErrorProto(): PackageDefinition {
  return loadProto('google/rpc/status.proto', 'google/rpc/error_details.proto')
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
