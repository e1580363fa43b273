import type { Client } from '@sweep/client/client'
import type { FactView } from '@sweep/spec/wire/api'

const PAGE = 1000

/** All facts of a sweep so far after one number, page by page. */
export async function* loadFacts(client: Client, sweepId: string, after = 0): AsyncGenerator<readonly FactView[]> {
  let from = after
  for (;;) {
    const page = await client.listFacts(sweepId, { after: from, limit: PAGE })
    if (page.facts.length === 0) return
    yield page.facts
    if (page.next <= from) return
    from = page.next
  }
}
