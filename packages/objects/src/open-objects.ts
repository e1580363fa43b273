import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import { FolderStore } from './folder-store.ts'
import type { ObjectStore } from './object-store.ts'
import type { S3Place } from './s3-store.ts'

export type ObjectsPlace =
  | {
      readonly kind: 'folder'
      readonly folder: string
      /** Nobody asked for it: where it can't be written to, puts fail and nothing else does. */
      readonly isDefault?: boolean
    }
  | ({ readonly kind: 's3' } & S3Place)

const EXAMPLES = 'Write file:///var/lib/sweep/objects or s3://bucket/prefix?region=eu-central-1&endpoint=https://host.'

/**
 * Reads SWEEP_OBJECTS: `file:///folder`, or `s3://bucket/prefix` with `region` and `endpoint` as query.
 * @throws SweepError `invalid-request`
 */
export function parseObjectsPlace(text: string): ObjectsPlace {
  if (!URL.canParse(text)) throw refusal(text, 'is no address')
  const url = new URL(text)
  switch (url.protocol) {
    case 'file:': {
      if (url.host !== '') throw refusal(text, `names a host; a folder takes three slashes`)
      const folder = fileURLToPath(url)
      if (!isAbsolute(folder)) throw refusal(text, 'is not absolute')
      return { kind: 'folder', folder }
    }
    case 's3:': {
      const { endpoint, region, ...unknown } = Object.fromEntries(url.searchParams)
      const [extra] = Object.keys(unknown)
      if (extra !== undefined) throw refusal(text, `has the unknown setting ${extra}`)
      if (url.username !== '') throw refusal(text, 'holds credentials; those belong into AWS_ACCESS_KEY_ID and so on')
      if (url.host === '') throw refusal(text, 'names no bucket')
      if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint))
        throw refusal(text, 'has an endpoint without http')
      const prefix = url.pathname.replace(/^\/+|\/+$/g, '')
      return {
        kind: 's3',
        bucket: url.host,
        prefix: prefix === '' ? '' : `${prefix}/`,
        region: region ?? 'us-east-1',
        ...(endpoint === undefined ? {} : { endpoint }),
      }
    }
    default:
      throw refusal(text, `has the unknown scheme ${url.protocol}`)
  }
}

/** The SDK of S3 is loaded only where it is used: it is larger than all the rest. */
export async function openObjects(place: ObjectsPlace, clock: Clock): Promise<ObjectStore> {
  if (place.kind === 'folder') {
    const opened = FolderStore.open(place.folder, clock)
    return place.isDefault === true ? opened.catch(() => FolderStore.unchecked(place.folder)) : opened
  }
  const { S3Store } = await import('./s3-store.ts')
  return new S3Store(place)
}

function refusal(text: string, what: string): SweepError {
  return new SweepError('invalid-request', `SWEEP_OBJECTS is ${JSON.stringify(text)}, which ${what}`, {
    hint: EXAMPLES,
  })
}
