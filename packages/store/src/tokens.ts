import { createHash } from 'node:crypto'
import type { RandomBytes } from '@sweep/spec/clock'
import type { AgentId } from '@sweep/spec/ids'
import type { Queryable } from './database.ts'
import { plainText } from './json-text.ts'

export type Role = 'viewer' | 'operator' | 'admin'

export type NewToken = { readonly name: string; readonly expiresInMs?: number } & (
  | { readonly kind: 'user'; readonly role: Role }
  | { readonly kind: 'join'; readonly uses?: number; readonly queues?: readonly string[] }
  | { readonly kind: 'agent'; readonly agentId: AgentId }
)

export type TokenRecord = {
  readonly id: number
  readonly name: string
  readonly createdAt: Date
  readonly expiresAt: Date | null
} & (
  | { readonly kind: 'user'; readonly role: Role }
  /** `queues`: those that agents may serve which join with it, null for any. `usesLeft`: null where they are not counted. */
  | { readonly kind: 'join'; readonly queues: readonly string[] | null; readonly usesLeft: number | null }
  | { readonly kind: 'agent'; readonly agentId: AgentId }
)

interface TokenRow {
  readonly id: number
  readonly kind: TokenRecord['kind']
  readonly role: Role | null
  readonly name: string
  readonly agent_id: AgentId | null
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly queues: string[] | null
  readonly uses_left: number | null
}

const COLUMNS = 'id, kind, role, name, agent_id, created_at, expires_at, queues, uses_left'
const LIVE = `revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
  and (uses_left is null or uses_left > 0)`

/** Makes `swp_<kind>_…` of 32 random bytes and stores its SHA-256 only. The text is returned this once. */
export async function createToken(
  database: Queryable,
  randomBytes: RandomBytes,
  token: NewToken,
): Promise<{ readonly id: number; readonly text: string }> {
  const text = `swp_${token.kind}_${Buffer.from(randomBytes(32)).toString('base64url')}`
  return { id: await insert(database, text, token), text }
}

/** Stores a token whose text was made elsewhere (`SWEEP_TOKEN`, the standalone's file), once; again changes nothing. */
export async function keepToken(database: Queryable, text: string, token: NewToken): Promise<void> {
  await insert(database, text, token)
}

async function insert(database: Queryable, text: string, token: NewToken): Promise<number> {
  const { rows } = await database.query<{ id: number }>(
    `insert into tokens (hash, kind, role, name, agent_id, uses_left, expires_at, queues)
     values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::float8 * interval '1 ms', $8)
     on conflict (hash) do update set name = excluded.name returning id`,
    [
      hashOf(text),
      token.kind,
      token.kind === 'user' ? token.role : null,
      plainText(token.name),
      token.kind === 'agent' ? token.agentId : null,
      token.kind === 'join' ? token.uses : null,
      token.expiresInMs,
      token.kind === 'join' ? token.queues : null,
    ],
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error('insert returned no row')
  return id
}

const FIND = {
  name: 'token-find',
  // Noting every use would make a write of every request; once a minute is enough to see that a token is alive.
  text: `with found as (select ${COLUMNS}, last_used_at from tokens where hash = $1 and ${LIVE}),
         used as (
           update tokens t set last_used_at = clock_timestamp() from found
            where t.id = found.id
              and (found.last_used_at is null or found.last_used_at < clock_timestamp() - interval '1 minute'))
         select ${COLUMNS} from found`,
}

/** The token with this text, unless it is unknown, expired, revoked or used up. */
export async function findToken(database: Queryable, text: string): Promise<TokenRecord | undefined> {
  const { rows } = await database.query<TokenRow>(FIND, [hashOf(text)])
  return rows[0] && tokenRecord(rows[0])
}

/** Uses a join token once; false when it has no use left. Two that spend the last use can't both succeed. */
export async function spendToken(database: Queryable, id: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `update tokens set uses_left = uses_left - 1, last_used_at = clock_timestamp()
      where id = $1 and kind = 'join' and ${LIVE}`,
    [id],
  )
  return rowCount === 1
}

/** False when there is none or it was revoked before. */
export async function revokeToken(database: Queryable, id: number): Promise<boolean> {
  const { rowCount } = await database.query(
    'update tokens set revoked_at = clock_timestamp() where id = $1 and revoked_at is null',
    [id],
  )
  return rowCount === 1
}

/** Tokens that are good for something, oldest first. */
export async function listTokens(database: Queryable): Promise<TokenRecord[]> {
  const { rows } = await database.query<TokenRow>(`select ${COLUMNS} from tokens where ${LIVE} order by id`)
  return rows.map(tokenRecord)
}

function tokenRecord(row: TokenRow): TokenRecord {
  const base = { id: row.id, name: row.name, createdAt: row.created_at, expiresAt: row.expires_at }
  if (row.kind === 'user' && row.role !== null) return { ...base, kind: 'user', role: row.role }
  if (row.kind === 'agent' && row.agent_id !== null) return { ...base, kind: 'agent', agentId: row.agent_id }
  return { ...base, kind: 'join', queues: row.queues, usesLeft: row.uses_left }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
