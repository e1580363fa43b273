import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { KubeClient, type PatchStep } from '@sweep/launchers/kubernetes/kube-client'
import type { Json } from '@sweep/spec/number'
import { API_VERSION, type Kind, PLURALS, Resource } from '../resource.ts'

interface Stored {
  kind: Kind
  metadata: { uid: string; resourceVersion: string; generation: number; finalizers?: string[]; [key: string]: unknown }
  spec: { readonly [key: string]: Json }
  status?: { [key: string]: unknown }
}

/**
 * What the operator uses of an API server, of one namespace and in memory: enough to show what it does when others act at
 * the same moment. The end-to-end tests use a real one.
 */
export class SmallCluster {
  readonly resources = new Map<string, Stored>()
  readonly events: { reason: string; type: string; message: string }[] = []
  jobs: string[] | 'forbidden' = []
  /** It answers with errors of its own. */
  isAway = false
  /** Waited for before a call is answered. */
  before: (method: string, path: string) => Promise<void> = async () => undefined
  readonly client: KubeClient
  readonly #names = new Set<string>()
  readonly #server: Server
  #version = 100

  private constructor(server: Server, client: KubeClient) {
    this.#server = server
    this.client = client
  }

  static async start(): Promise<SmallCluster> {
    const server = createServer((request, response) => {
      void cluster.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const config = new KubeConfig()
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    config.loadFromClusterAndUser({ name: 'small', server: url, skipTLSVerify: true }, { name: 'tester' })
    const cluster = new SmallCluster(server, new KubeClient(config))
    return cluster
  }

  apply(kind: Kind, name: string, uid: string, spec: Stored['spec']): void {
    const known = this.resources.get(name)
    const generation = (known?.metadata.generation ?? 0) + 1
    const metadata = { ...known?.metadata, name, namespace: 'team-a', uid, generation, resourceVersion: this.#next() }
    this.resources.set(name, { ...known, kind, metadata, spec })
  }

  /** As `kubectl delete`. */
  delete(name: string): void {
    const known = this.resources.get(name)
    if (known === undefined) return
    if ((known.metadata.finalizers ?? []).length === 0) this.resources.delete(name)
    else Object.assign(known.metadata, { deletionTimestamp: '2026-01-02T03:04:05Z', resourceVersion: this.#next() })
  }

  /** As an informer tells of it. */
  seen(name: string): Resource {
    return Resource.parse({ apiVersion: API_VERSION, ...copyOf(this.resources.get(name)) })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #next(): string {
    this.#version += 1
    return String(this.#version)
  }

  async #answer(request: IncomingMessage): Promise<[number, unknown]> {
    const { method = '', url = '' } = request
    const path = new URL(url, 'http://x').pathname
    await this.before(method, path)
    if (this.isAway) return failure(503, 'ServiceUnavailable')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
    if (path === '/api/v1/namespaces/team-a/events') {
      if (this.#names.has(body.metadata.name)) return failure(409, 'AlreadyExists')
      this.#names.add(body.metadata.name)
      this.events.push({ reason: body.reason, type: body.type, message: body.message })
      return [201, body]
    }
    if (path === '/apis/batch/v1/namespaces/team-a/jobs') {
      if (this.jobs === 'forbidden') return failure(403, 'Forbidden')
      return [200, { items: this.jobs.map((name) => ({ metadata: { name } })) }]
    }
    const [, plural, name = '', part] = /\/team-a\/([^/]+)\/([^/]+)(\/status)?$/.exec(path) ?? []
    const stored = this.resources.get(name)
    if (stored === undefined || PLURALS[stored.kind] !== plural) return failure(404, 'NotFound')
    if (method === 'GET') return [200, { apiVersion: API_VERSION, ...stored }]
    return this.#patch(stored, body, part !== undefined)
  }

  #patch(stored: Stored, steps: readonly PatchStep[], isStatus: boolean): [number, unknown] {
    const { metadata } = stored
    for (const { op, path, value } of steps) {
      if (op === 'test' && value !== metadata.uid) return failure(422, 'Invalid')
      if (path === '/metadata/resourceVersion' && value !== metadata.resourceVersion) return failure(409, 'Conflict')
      if (path === '/status' && isStatus) stored.status = value as Stored['status'] & object
      if (path === '/metadata/finalizers' && !isStatus) metadata.finalizers = value as unknown as string[]
    }
    metadata.resourceVersion = this.#next()
    const isGoing = metadata['deletionTimestamp'] !== undefined && metadata.finalizers?.length === 0
    if (isGoing) this.resources.delete(String(metadata['name']))
    return [200, { apiVersion: API_VERSION, ...stored }]
  }
}

function failure(code: number, reason: string): [number, unknown] {
  return [code, { kind: 'Status', code, reason, message: `${reason} in the small cluster` }]
}

/** Of everything but the spec, which nobody changes in place. */
function copyOf(stored: Stored | undefined): object {
  if (stored === undefined) return {}
  const { spec, ...rest } = stored
  return { ...structuredClone(rest), spec }
}
