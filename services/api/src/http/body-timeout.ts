import { Socket } from 'node:net'
import type { App } from './app.ts'

const LATE = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

/**
 * Cuts off a request whose body is not there in time, or, where a route takes bytes of any number, stops coming. Node's
 * own limit is one for all requests, and an upload may take hours.
 */
export function addBodyTimeout(app: App, timeoutMs: number): void {
  app.addHook('onRequest', async ({ raw, headers, routeOptions }, reply) => {
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
    const { socket } = raw
    // A call of the gRPC service comes from this very process, and has no connection that could be slow.
    if (!(socket instanceof Socket)) return
    const mayGoOn = routeOptions.config.takesBytes === true
    let seenBytes = socket.bytesRead
    const timer = setInterval(() => {
      const goesOn = mayGoOn && socket.bytesRead > seenBytes
      seenBytes = socket.bytesRead
      if (goesOn) return
      clearInterval(timer)
      if (!raw.complete && !reply.raw.writableEnded) socket.end(LATE, () => socket.destroy())
    }, timeoutMs)
    timer.unref()
    for (const end of [raw, reply.raw]) end.once('close', () => clearInterval(timer))
  })
}
