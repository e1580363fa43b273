import type { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'

/** What the server is asked for on behalf of a resource. */
export interface Rendered {
  /** A sweep document. */
  readonly document: { readonly [key: string]: Json }
  /** Of its first trials. */
  readonly configs: readonly Config[]
}

/** Why nothing can be asked for, in words for the author of the resource, one problem a line. */
export interface Refused {
  readonly problems: readonly string[]
}
