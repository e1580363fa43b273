import { getContent } from '@sweep/objects/content'
import type { ObjectStore } from '@sweep/objects/object-store'
import { ShallowJson } from '@sweep/spec/tracking/shallow-json'
import { parse } from 'yaml'
import { z } from 'zod'
import type { AboutModel } from './about-model.ts'

/** What MLflow's clients write beside every model. */
export const MLMODEL = 'MLmodel'
const MOST_BYTES = 262_144
const PYFUNC = 'python_function'

const MlModel = z.object({
  flavors: z.record(z.string(), z.unknown()).nullish(),
  signature: z.record(z.string(), z.unknown()).nullish(),
})

/** Flavor and signature out of such a file; nothing of one that can't be read. */
export async function readMlModel(sha256: string, sizeBytes: number, objects: ObjectStore): Promise<AboutModel> {
  if (sizeBytes > MOST_BYTES) return {}
  const found = await getContent(objects, sha256)
  if (found === undefined) return {}
  const parts: Buffer[] = []
  for await (const part of found.stream) parts.push(Buffer.from(part as Uint8Array))
  return aboutMlModel(Buffer.concat(parts).toString('utf8'))
}

export function aboutMlModel(text: string): AboutModel {
  const file = MlModel.safeParse(yamlOf(text)).data
  const flavors = Object.keys(file?.flavors ?? {})
  // Every flavor can be loaded as this one too, so the other says more.
  const framework = flavors.find((name) => name !== PYFUNC) ?? flavors[0]
  const entries = Object.entries(file?.signature ?? {}).filter(([, value]) => value !== null)
  const signature = ShallowJson.safeParse(Object.fromEntries(entries.map(([key, value]) => [key, jsonOf(value)]))).data
  return {
    ...(framework === undefined ? {} : { framework: framework.slice(0, 500) }),
    ...(signature === undefined || entries.length === 0 ? {} : { signature }),
  }
}

function yamlOf(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

/** Inputs and outputs are JSON within the YAML. */
function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
