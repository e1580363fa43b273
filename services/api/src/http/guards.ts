import { SweepError } from '@sweep/spec/errors'
import type { FastifyRequest } from 'fastify'
import type { App } from './app.ts'

const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]']
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const BYTES_TYPE = /^application\/octet-stream$/i
/** Exactly this: tolerant readings of the header have let bodies past validation before (CVE-2025-32442, -2026-25223). */
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i

const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
}

/**
 * Refuses what a browser on a hostile page could send: a foreign Host (DNS rebinding, as in Ray's CVE-2025-62593 and
 * MLflow's CVE-2025-14279), a foreign Origin, a form. By header and for every method; never by user agent.
 */
export function addGuards(app: App, allowedHosts: readonly string[]): void {
  const hosts = new Set([...LOCAL_NAMES, ...allowedHosts.map((host) => host.toLowerCase())])

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    reply.header('x-request-id', request.id)
    checkHost(request, hosts)
    if (WRITES.has(request.method)) {
      checkOrigin(request)
      checkContentType(request)
    }
  })
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const host = request.headers.host ?? ''
  if (hosts.has(hostName(host))) return
  throw new SweepError(
    'misdirected',
    `this server does not answer to the host name ${JSON.stringify(host.slice(0, 260))}`,
    {
      hint: 'Use localhost, or add the name to SWEEP_ALLOWED_HOSTS where the server is started.',
    },
  )
}

/** A browser names the page that a write comes from; only pages of this very server may write. */
function checkOrigin(request: FastifyRequest): void {
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  const foreign = origin !== undefined && originHost(origin) !== request.headers.host?.toLowerCase()
  if (!foreign && (site === undefined || site === 'same-origin' || site === 'none')) return
  throw new SweepError(
    'forbidden',
    `pages of ${JSON.stringify((origin ?? 'another site').slice(0, 260))} may not change anything here`,
    {
      hint: 'Use the command line, or the page that this server shows itself.',
    },
  )
}

function checkContentType(request: FastifyRequest): void {
  const { headers } = request
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw new SweepError('unsupported-media-type', 'compressed bodies are not read; send the JSON as it is')
  }
  const type = headers['content-type']
  const { takesAnyType, takesBytes } = request.routeOptions.config
  if (takesAnyType === true) return
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (type === undefined ? hasBody : !(takesBytes === true ? BYTES_TYPE : JSON_TYPE).test(type)) {
    throw new SweepError(
      'unsupported-media-type',
      `the body must be ${takesBytes === true ? 'application/octet-stream' : 'application/json'}, not ${JSON.stringify(type ?? 'of unknown type')}`,
    )
  }
}

/** `Example.com:80` -> `example.com`, `[::1]:4600` -> `[::1]`. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d{1,5}$/, '')
}

function originHost(origin: string): string | undefined {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin)
  return match?.[1]?.toLowerCase()
}
