import { basename } from 'node:path'
import { configHash } from '@sweep/spec/config-hash'
import type { Diagnostic } from '@sweep/spec/document/diagnostic'
import { requireDocument } from '@sweep/spec/document/parse-document'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { newId, SweepId } from '@sweep/spec/ids'
import type { Config } from '@sweep/spec/search-space'
import { SWEEP_STATES } from '@sweep/spec/sweep-state'
import {
  ChangeSweep,
  CreateSweep,
  FactPage,
  SweepCreated,
  SweepDetail,
  SweepList,
  SweepValidated,
  SweepView,
  ValidateSweep,
  type Warning,
} from '@sweep/spec/wire/api'
import { loadFacts } from '@sweep/store/facts'
import { type ControlResult, changeSweep, controlSweep } from '@sweep/store/sweep-control'
import type { SweepRecord } from '@sweep/store/sweep-record'
import { createSweep, getSweep, listSweeps, sweepDefinition } from '@sweep/store/sweeps'
import type { NewTrial } from '@sweep/store/trials'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { checkedConfig } from '../trials/checked-config.ts'
import { codeOf } from './sweep-code.ts'
import { factView, sweepDetail, sweepView } from './sweep-view.ts'
import { withEarlierSweeps } from './warm-start.ts'

export const SweepPath = z.strictObject({ id: SweepId })

const SweepQuery = z.strictObject({
  name: z.string().max(200).optional(),
  project: z.string().max(200).optional(),
  state: z
    .union([z.enum(SWEEP_STATES), z.array(z.enum(SWEEP_STATES))])
    .transform((states) => [states].flat())
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(500).optional(),
})
const FactQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
})
const Position = z.strictObject({ createdAt: z.number(), id: SweepId })

const CONTROLS = [
  ['pause', 'Start no more trials; running ones finish'],
  ['resume', 'Start trials again'],
  ['stop', 'Start no more trials; end when the running ones have finished'],
  ['cancel', 'Kill the running trials and end'],
] as const

/** Largest sweep file, in bytes. */
const MAX_SOURCE_BYTES = 262_144

export function addSweepRoutes(app: App, context: ApiContext): void {
  const { database, log, notifier, randomBytes } = context

  app.post(
    '/validate',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Check a sweep file, store nothing', body: ValidateSweep, response: { 200: SweepValidated } },
    },
    async (request) => readDocument(request.body, randomBytes),
  )

  app.get(
    '/sweeps',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Sweeps, newest first', querystring: SweepQuery, response: { 200: SweepList } },
    },
    async (request) => {
      const { name, project, state, limit, after } = request.query
      const position = after === undefined ? undefined : decodeCursor(after, Position)
      const sweeps = await listSweeps(database, {
        limit: limit + 1,
        ...(name === undefined ? {} : { name }),
        ...(project === undefined ? {} : { project }),
        ...(state === undefined ? {} : { states: state }),
        ...(position === undefined ? {} : { before: { createdAt: new Date(position.createdAt), id: position.id } }),
      })
      const page = sweeps.slice(0, limit)
      const last = sweeps.length > limit ? page.at(-1) : undefined
      const next = last === undefined ? null : encodeCursor({ createdAt: last.createdAt.getTime(), id: last.id })
      return { sweeps: page.map(sweepView), next }
    },
  )

  app.post(
    '/sweeps',
    {
      config: { access: 'operator' },
      schema: { summary: 'Create a sweep from a sweep file', body: CreateSweep, response: { 201: SweepCreated } },
    },
    async (request, reply) => {
      const { source, file, workdir } = request.body
      const { document: written, warnings } = readDocument(request.body, randomBytes)
      const document = await withEarlierSweeps(database, written)
      const id = request.body.id ?? SweepId.parse(newId(randomBytes))
      const name = document.name ?? nameFrom(file, workdir)
      const code = codeOf(document, request.body.code)
      const trials = firstTrials(document, request.body.configs)
      const sweep = await createSweep(database, { id, name, document, source, file, workdir, code, trials })
      notifier.tell('sweep_changed', [id])
      log.info({ sweepId: id, by: principalName(request.principal) }, 'sweep created')
      return reply.status(201).send({ sweep: sweepView(sweep), warnings })
    },
  )

  app.get(
    '/sweeps/:id',
    {
      config: { access: 'viewer' },
      schema: { summary: 'One sweep with its document', params: SweepPath, response: { 200: SweepDetail } },
    },
    async (request) => {
      const sweep = await knownSweep(request.params.id, context)
      return sweepDetail(sweep, await sweepDefinition(database, sweep.id))
    },
  )

  app.patch(
    '/sweeps/:id',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change parallelism, priority or budget while the sweep runs',
        params: SweepPath,
        body: ChangeSweep,
        response: { 200: SweepView },
      },
    },
    async (request) => {
      const by = principalName(request.principal)
      const result = await changeSweep(database, request.params.id, request.body, by)
      return afterControl(request.params.id, 'change', result, context)
    },
  )

  for (const [event, summary] of CONTROLS) {
    app.post(
      `/sweeps/:id/${event}`,
      { config: { access: 'operator' }, schema: { summary, params: SweepPath, response: { 200: SweepView } } },
      async (request) => {
        const { id } = request.params
        const by = principalName(request.principal)
        const result = await controlSweep(database, id, event, by)
        if (result.result === 'done') log.info({ sweepId: id, event, by }, 'sweep controlled')
        return afterControl(id, event, result, context)
      },
    )
  }

  app.get(
    '/sweeps/:id/facts',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What happened, in order',
        params: SweepPath,
        querystring: FactQuery,
        response: { 200: FactPage },
      },
    },
    async (request) => {
      const { after, limit } = request.query
      const sweep = await knownSweep(request.params.id, context)
      const facts = await loadFacts(database, sweep.id, after, limit)
      return { facts: facts.map(factView), next: facts.at(-1)?.seq ?? after }
    },
  )
}

/** @throws SweepError `not-found` */
export async function knownSweep(id: SweepId, { database }: ApiContext): Promise<SweepRecord> {
  const sweep = await getSweep(database, id)
  if (sweep === undefined) throw noSweep(id)
  return sweep
}

export function noSweep(id: string): SweepError {
  return new SweepError('not-found', `there is no sweep ${id}`, { hint: 'List them with `sweep ls`.' })
}

async function afterControl(
  id: SweepId,
  action: string,
  result: ControlResult,
  context: ApiContext,
): Promise<SweepView> {
  if (result.result === 'not-found') throw noSweep(id)
  if (result.result === 'refused') {
    throw new SweepError('conflict', `sweep ${id} is ${result.state}, which does not allow ${action}`)
  }
  context.notifier.tell('sweep_changed', [id])
  return sweepView(await knownSweep(id, context))
}

function readDocument(body: z.output<typeof ValidateSweep>, randomBytes: ApiContext['randomBytes']): SweepValidated {
  if (Buffer.byteLength(body.source) > MAX_SOURCE_BYTES) {
    throw new SweepError('too-large', `the sweep file is larger than ${MAX_SOURCE_BYTES / 1024} KiB`, {
      hint: 'A sweep file holds parameters, not data; name data files in `command` or `env` instead.',
    })
  }
  const newSeed = () => Buffer.from(randomBytes(4)).readUInt32BE(0) >>> 1
  const { document, warnings } = requireDocument(body.source, { file: body.file, overrides: body.overrides, newSeed })
  return { document, warnings: warnings.map(warningOf) }
}

/**
 * Those that a request brings with its sweep.
 * @throws SweepError `invalid-request` naming the config that can't be one
 */
function firstTrials({ space, budget }: SweepDocument, configs: readonly Config[]): NewTrial[] {
  if (budget.trials !== undefined && configs.length > budget.trials) {
    throw new SweepError('invalid-request', `configs[${budget.trials}] is more than the budget of the sweep allows`, {
      hint: 'Raise run_cap or budget.trials.',
    })
  }
  const seen = new Map<string, number>()
  return configs.map((given, index) => {
    const config = checkedConfig(space, given, `configs[${index}]`)
    const first = seen.get(configHash(config))
    if (first !== undefined) {
      throw new SweepError('invalid-request', `configs[${index}] is the same config as configs[${first}]`, {
        hint: 'Leave one of them out.',
      })
    }
    seen.set(configHash(config), index)
    return { config, source: 'user', reason: 'came with the sweep' }
  })
}

function warningOf({ message, hint, path, line, column }: Diagnostic): Warning {
  return {
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(path === '' ? {} : { path }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}

/** `digits/sweep.yaml` is called `digits`, `lr.yaml` is called `lr`. */
function nameFrom(file: string, workdir: string): string {
  const stem = basename(file).replace(/\.ya?ml$/i, '')
  return (stem === '' || stem === 'sweep' ? basename(workdir) || 'sweep' : stem).slice(0, 200)
}
