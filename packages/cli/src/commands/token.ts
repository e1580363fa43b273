import type { TokenView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import type { Column } from '../output.ts'

const ROLES = ['viewer', 'operator', 'admin'] as const

const COLUMNS: readonly Column<TokenView>[] = [
  { name: 'id', value: (token) => token.id, align: 'right' },
  { name: 'kind', value: (token) => token.kind },
  { name: 'name', value: (token) => token.name, flexible: true, minWidth: 8 },
  { name: 'role', value: (token) => token.role },
  { name: 'created', value: (token) => token.createdAt },
  { name: 'agent', value: (token) => token.agentId, wide: true },
]

export const create: Command = {
  async run(context, args, options) {
    const name = args[0] ?? ''
    const kind = options.text('kind') ?? 'user'
    const expiresMs = options.durationMs('expires')
    const expires = expiresMs === undefined ? {} : { expiresInSeconds: Math.max(1, Math.round(expiresMs / 1000)) }
    const role = ROLES.find((known) => known === (options.text('role') ?? 'operator')) ?? 'operator'
    if (kind === 'join' && options.text('role') !== undefined) throw usageError('A join token has no --role.')
    const client = await context.client()
    const created = await client.createToken(
      kind === 'join' ? { kind, name, ...expires } : { kind: 'user', name, role, ...expires },
    )
    context.say('The token is shown this once; keep it.')
    await context.printRecord(
      created,
      [
        ['token', created.token],
        ['id', created.id],
      ],
      created.token,
    )
    return undefined
  },
}

export const list: Command = {
  async run(context) {
    const { tokens } = await (await context.client()).listTokens()
    await context.printRows(tokens, COLUMNS, (token) => String(token.id))
    return undefined
  },
}

export const revoke: Command = {
  async run(context, args) {
    const text = args[0] ?? ''
    const id = Number(text)
    if (!/^\d{1,15}$/.test(text))
      throw usageError(`"${text}" is no token id.`, '`sweep token ls` lists them; an id is a number.')
    await (await context.client()).revokeToken(id)
    context.say(`Token ${id} is useless now.`)
    await context.printRecord(
      { id, revoked: true },
      [
        ['id', id],
        ['revoked', true],
      ],
      text,
    )
    return undefined
  },
}
