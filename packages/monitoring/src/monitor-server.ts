import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './registry.ts'

export interface MonitorOptions {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly metrics: Metrics
  /** Why the service can't do its work now, in words; undefined while it can. */
  readonly whyUnhealthy: () => string | undefined | Promise<string | undefined>
}

export interface MonitorServer {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * `GET /health` for probes and `GET /metrics` for Prometheus, on a port of their own: what watches a service need not
 * have a token, and whoever may use the API need not see how it fares.
 */
export async function startMonitor({ host, port, metrics, whyUnhealthy }: MonitorOptions): Promise<MonitorServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
    }
    const failed = (error: unknown) => answer(500, 'text/plain; charset=utf-8', `${String(error)}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'text/plain', 'only GET\n')
    else if (request.url === '/metrics') {
      metrics.metrics().then((text) => answer(200, metrics.contentType, text), failed)
    } else if (request.url === '/health') {
      Promise.resolve(whyUnhealthy()).then((why) => {
        answer(why === undefined ? 200 : 503, 'text/plain; charset=utf-8', `${why ?? 'ok'}\n`)
      }, failed)
    } else answer(404, 'text/plain; charset=utf-8', 'there are /health and /metrics\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  // A monitor is no reason for a service to live on.
  server.unref()
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
