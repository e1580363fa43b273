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
  { name: 'queues', value: (token) => token.queues?.join(',') ?? null },
  { name: 'uses', value: (token) => token.usesLeft ?? null, align: 'right' },
  { name: 'created', value: (token) => token.createdAt },
  { name: 'expires', value: (token) => token.expiresAt ?? null, wide: true },
  { name: 'agent', value: (token) => token.agentId, wide: true },
]

export const create: Command = {
  async run(context, args, options) {
    const kind = options.flag('join') ? 'join' : (options.text('kind') ?? 'user')
    const name = args[0] ?? (kind === 'join' ? 'agents' : '')
    if (name === '')
      throw usageError('A token for people needs a name.', 'Write for example sweep token create laptop.')
    const expiresMs = options.durationMs('expires')
    const expires = expiresMs === undefined ? {} : { expiresInSeconds: Math.max(1, Math.round(expiresMs / 1000)) }
    const role = ROLES.find((known) => known === (options.text('role') ?? 'operator')) ?? 'operator'
    if (kind === 'join' && options.text('role') !== undefined) throw usageError('A join token has no --role.')
    const queues = options
      .text('queues')
      ?.split(/[\s,]+/)
      .filter((queue) => queue !== '')
    const uses = options.whole('uses')
    if (kind !== 'join' && (queues !== undefined || uses !== undefined)) {
      throw usageError('Only a join token has --queues and --uses.', 'Add --join.')
    }
    const limits = { ...(queues === undefined ? {} : { queues }), ...(uses === undefined ? {} : { uses }) }
    const client = await context.client()
    const created = await client.createToken(
      kind === 'join' ? { kind, name, ...expires, ...limits } : { kind: 'user', name, role, ...expires },
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
