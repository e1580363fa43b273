import type { Json } from '../number.ts'

/** Names of params and tags that say which data a run was trained on. */
const NAMES = [
  'data.version',
  'data_version',
  'dataset.version',
  'dataset_version',
  'data.revision',
  'dataset.revision',
]
const MOST_CHARACTERS = 500

/**
 * The version of the data that a run was trained on, as its params say, or else its tags, or else the data sets that it
 * has noted (`name@digest`). Null when none of them does.
 */
export function dataVersionOf(run: {
  readonly params: Readonly<Record<string, Json>>
  readonly tags: Readonly<Record<string, string>>
  readonly datasets: readonly { readonly name: string; readonly digest: string }[]
}): string | null {
  for (const named of [run.params, run.tags]) {
    for (const name of NAMES) {
      const value = Object.hasOwn(named, name) ? named[name] : undefined
      if ((typeof value === 'string' && value !== '') || typeof value === 'number') {
        return String(value).slice(0, MOST_CHARACTERS)
      }
    }
  }
  const texts = [...new Set(run.datasets.map(({ name, digest }) => `${name}@${digest}`))].sort()
  return texts.length === 0 ? null : texts.join(', ').slice(0, MOST_CHARACTERS)
}
