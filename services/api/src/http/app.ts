import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Principal } from '../auth/principal.ts'

/** A fastify instance whose route types come from zod schemas. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/**
 * Who may call a route. Every route says so; one that does not is refused when the server starts.
 * `agent` lets in the agent named by `:id` and nobody else, `attempt` the program of the running attempt so named; `join` lets in join tokens, agents and operators;
 * `trial` lets in viewers and the token of the very trial named by `:id` and `:number`; `download` viewers and agents;
 * `upload` operators and agents; `nest` operators and trials, of which the route itself finds out below which run they are;
 * `run` viewers and the token of the trial whose run, or a run below it, `:id` names, `log` operators and that
 * token; `mlflow-read` and `mlflow-write` viewers or operators and trials, of which the route itself finds out what they
 * may touch.
 */
export type Access =
  | 'public'
  | 'viewer'
  | 'operator'
  | 'admin'
  | 'agent'
  | 'attempt'
  | 'join'
  | 'trial'
  | 'download'
  | 'upload'
  | 'nest'
  | 'run'
  | 'log'
  | 'mlflow-read'
  | 'mlflow-write'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** Its body is bytes, of any number, instead of JSON. */
    takesBytes?: boolean
    /** Whatever the bytes are said to be. */
    takesAnyType?: boolean
  }
  interface FastifyRequest {
    principal: Principal
  }
}
