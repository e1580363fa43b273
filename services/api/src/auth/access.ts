import { SweepError } from '@sweep/spec/errors'
import { attemptParts, RunId } from '@sweep/spec/ids'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access, App } from '../http/app.ts'
import type { Authenticator } from './authenticator.ts'
import { hasRole, type Principal, runOfTrial } from './principal.ts'

/** Whether a run is a child of another, or a child's child. */
export type IsBelow = (id: RunId, above: RunId) => Promise<boolean>

/** Lets a request through to its route only when the route's `access` allows whoever sent it. */
export function addAccessControl(app: App, authenticator: Authenticator, isBelow: IsBelow): void {
  app.decorateRequest('principal')

  app.addHook('onRoute', (route) => {
    // A forgotten rule must not become an open door.
    if (route.config?.access === undefined)
      throw new Error(`${String(route.method)} ${route.url} does not say who may call it`)
  })

  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config
    if (access === undefined || access === 'public') {
      request.principal = { kind: 'nobody' }
      return
    }
    request.principal = await authenticator.identify(request)
    if (isAllowed(request.principal, access, request)) return
    if ((access === 'run' || access === 'log') && (await isOfOwnRun(request, isBelow))) return
    if (request.principal.kind === 'nobody' || request.principal.kind === 'anonymous') {
      throw new SweepError('unauthenticated', 'this needs a token', {
        hint: 'Set SWEEP_TOKEN; the local server keeps its own in the file `token` of its home folder.',
      })
    }
    throw new SweepError('forbidden', `this needs ${describe(access)}, and the token given is not`)
  })
}

function isAllowed(principal: Principal, access: Access, request: FastifyRequest): boolean {
  switch (access) {
    case 'public':
      return true
    case 'viewer':
    case 'operator':
    case 'admin':
      return hasRole(principal, access)
    case 'agent':
      return principal.kind === 'agent' && principal.agentId === parameter(request, 'id')
    case 'attempt':
      return principal.kind === 'trial' && principal.attemptId === parameter(request, 'id')
    case 'join':
      return principal.kind === 'join' || principal.kind === 'agent' || hasRole(principal, 'operator')
    case 'trial':
      return hasRole(principal, 'viewer') || isOwnTrial(principal, request)
    case 'download':
      return hasRole(principal, 'viewer') || principal.kind === 'agent'
    case 'upload':
      return hasRole(principal, 'operator') || principal.kind === 'agent'
    case 'nest':
      return hasRole(principal, 'operator') || principal.kind === 'trial'
    case 'run':
      return hasRole(principal, 'viewer') || isOwnRun(principal, request)
    case 'log':
      return hasRole(principal, 'operator') || isOwnRun(principal, request)
    case 'mlflow-read':
      return hasRole(principal, 'viewer') || principal.kind === 'trial'
    case 'mlflow-write':
      // Who has no name is only here where the settings let them log.
      return hasRole(principal, 'operator') || principal.kind === 'trial' || principal.kind === 'anonymous'
  }
}

function isOwnRun(principal: Principal, request: FastifyRequest): boolean {
  return principal.kind === 'trial' && parameter(request, 'id') === runOfTrial(principal)
}

/** Runs that a trial's program has made below its own are its own too. */
async function isOfOwnRun({ principal, params }: FastifyRequest, isBelow: IsBelow): Promise<boolean> {
  if (principal.kind !== 'trial') return false
  const path = z.object({ id: RunId }).safeParse(params)
  return path.success && (await isBelow(path.data.id, runOfTrial(principal)))
}

function isOwnTrial(principal: Principal, request: FastifyRequest): boolean {
  if (principal.kind !== 'trial') return false
  const { sweepId, trial } = attemptParts(principal.attemptId)
  return parameter(request, 'id') === sweepId && parameter(request, 'number') === String(trial)
}

function parameter(request: FastifyRequest, name: string): unknown {
  const { params } = request
  return typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined
}

function describe(access: Exclude<Access, 'public'>): string {
  switch (access) {
    case 'viewer':
    case 'operator':
    case 'admin':
      return `the token of a user who is at least ${access}`
    case 'agent':
      return 'the token of this very agent'
    case 'attempt':
      return 'the token of this very attempt'
    case 'join':
      return 'a token that agents may join with'
    case 'trial':
      return 'the token of a user or of this very trial'
    case 'download':
      return 'the token of a user or of an agent'
    case 'upload':
      return 'the token of a user who is at least operator, or of an agent'
    case 'nest':
      return 'the token of a user who is at least operator, or of a trial'
    case 'run':
      return 'the token of a user or of the trial that this is the run of'
    case 'log':
      return 'the token of a user who is at least operator, or of the trial that this is the run of'
    case 'mlflow-read':
      return 'the token of a user or of a trial'
    case 'mlflow-write':
      return 'the token of a user who is at least operator, or of a trial'
  }
}
