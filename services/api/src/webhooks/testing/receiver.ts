import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Record<string, unknown>
}

/** What a receiver answers: a status, a status with a place to go to, or nothing at all. */
export type Answer = number | { readonly status: number; readonly location: string } | 'hang'

export interface Receiver {
  readonly url: string
  readonly received: Received[]
  /** Told of each request; 200 unless set. */
  answer: (received: Received) => Answer | Promise<Answer>
  close(): Promise<void>
}

/** Somebody who is told by webhooks, on this machine. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', async () => {
      const one = { headers: request.headers, text, body: JSON.parse(text) as Record<string, unknown> }
      received.push(one)
      const answer = await receiver.answer(one)
      if (answer === 'hang') return
      if (typeof answer === 'number') response.writeHead(answer)
      else response.writeHead(answer.status, { location: answer.location })
      response.end('thanks')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: () => 200,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}
