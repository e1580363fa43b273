import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { unpackArchive } from '@sweep/snapshot/unpack'
import { walkFolder } from '@sweep/snapshot/walk'
import { AgentId, AttemptId } from '@sweep/spec/ids'
import type { KeepArtifact, KeepCheckpoint } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HttpClient } from '../server/http-client.ts'
import { ObjectTransfer } from '../server/object-transfer.ts'
import { ServerApi } from '../server/server-api.ts'
import { Uploads } from './uploads.ts'

const ATTEMPT = { attemptId: AttemptId.parse('0123456789-1-1'), epoch: 1 }

/** The object store as an agent sees it, which can be told to fail. */
class Store {
  readonly objects = new Map<string, Buffer>()
  readonly artifacts: KeepArtifact[] = []
  readonly checkpoints: KeepCheckpoint[] = []
  puts = 0
  /** Done before a request is answered; true when it has answered itself. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response).catch(() => undefined))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'PUT') this.puts += 1
    if (this.before(request, response)) return
    const sha256 = /\/objects\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1]
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const answer = (status: number, json: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    if (sha256 !== undefined && request.method === 'PUT') {
      if (createHash('sha256').update(body).digest('hex') !== sha256) {
        answer(400, { code: 'checksum-mismatch', message: 'other bytes' })
        return
      }
      this.objects.set(sha256, body)
      answer(200, { sha256, sizeBytes: body.length })
    } else if (sha256 !== undefined) {
      response.writeHead(this.objects.has(sha256) ? 200 : 404).end()
    } else {
      const kept = JSON.parse(String(body))
      if (!this.objects.has(kept.sha256)) answer(200, { result: 'missing' })
      else {
        if (request.url?.endsWith('/artifacts') === true) this.artifacts.push(kept)
        else this.checkpoints.push(kept)
        answer(200, { result: 'kept' })
      }
    }
  }

  text(path: string): string | undefined {
    const found = this.artifacts.findLast((artifact) => artifact.path === path)
    return found === undefined ? undefined : this.objects.get(found.sha256)?.toString()
  }
}

let folder: string
let artifacts: string
let store: Store
let http: HttpClient
let uploads: Uploads

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-uploads-'))
  artifacts = join(folder, 'artifacts')
  mkdirSync(artifacts)
  store = new Store()
  http = new HttpClient(await store.listen(), 'token')
  uploads = open()
})
afterEach(async () => {
  uploads.close()
  http.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

function open(): Uploads {
  const api = new ServerApi(http)
  api.use(AgentId.parse('0123456789'), 'token')
  const log = pino({ level: 'silent' })
  return new Uploads(join(folder, 'uploads'), { api, objects: new ObjectTransfer(http), random: () => 0, log })
}

function write(path: string, text: string | Buffer): void {
  mkdirSync(join(artifacts, path, '..'), { recursive: true })
  writeFileSync(join(artifacts, path), text)
}

function checkpoint(step: number, text: string) {
  const path = join(folder, 'checkpoints', String(step))
  mkdirSync(join(path, 'empty'), { recursive: true })
  writeFileSync(join(path, 'state'), text)
  writeFileSync(join(path, 'complete'), '')
  return { step, path }
}

/** Answers this often with `fail`, then as it should. */
function failFirst(times: number, method: string, fail: (request: IncomingMessage, response: ServerResponse) => void) {
  let left = times
  store.before = (request, response) => {
    if (request.method !== method || left === 0) return false
    left -= 1
    fail(request, response)
    return true
  }
}

test('where nothing was left nothing is done, at once', () => {
  expect(uploads.end(ATTEMPT, { artifacts })).toBeUndefined()
  expect(uploads.end(ATTEMPT, { artifacts: join(folder, 'none') })).toBeUndefined()
})

test('files go up with their paths, also empty ones and those with odd names; links stay', async () => {
  const names = ['a.txt', 'sub/deep/ä "b"\n.txt', '-rf', 'empty']
  for (const name of names) write(name, name === 'empty' ? '' : `in ${name}`)
  symlinkSync('/etc/passwd', join(artifacts, 'secret'))
  symlinkSync('a.txt', join(artifacts, 'alias'))
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.artifacts.map((one) => one.path).sort()).toEqual([...names].sort())
  for (const name of names) expect(store.text(name)).toBe(name === 'empty' ? '' : `in ${name}`)
  expect(store.artifacts[0]).toMatchObject(ATTEMPT)
})

test('bytes that the store has are not sent again', async () => {
  write('a.txt', 'same')
  write('b.txt', 'same')
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.puts).toBe(1)
  expect(store.text('b.txt')).toBe('same')
})

/** Lets the rest of a request pass and answers it. */
function answering(status: number, body: string, type = 'application/json') {
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(body)
  }
}

test.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
  ['is cut in the middle', (request) => request.once('data', () => request.socket.destroy())],
  ['meets a server that is away', answering(503, '{}')],
  ['is answered by something between', answering(502, '<html>', 'text/html')],
  ['is damaged on its way', answering(400, '{"code":"checksum-mismatch","message":"x"}')],
])('an upload that %s is tried until it is whole', async (_, fail) => {
  write('large', Buffer.alloc(3_000_000, 'x'))
  failFirst(2, 'PUT', fail)
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.puts).toBe(3)
  expect(store.text('large')?.length).toBe(3_000_000)
})

test('what the store lost between upload and record is sent again', async () => {
  write('a', 'a')
  failFirst(1, 'POST', (request, response) => {
    request.resume()
    store.objects.clear()
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"result":"missing"}')
  })
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.puts).toBe(2)
  expect(store.text('a')).toBe('a')
})

test("of an attempt that is somebody else's nothing more is sent", async () => {
  for (const name of ['a', 'b', 'c']) write(name, name)
  failFirst(9, 'POST', answering(200, '{"result":"fenced"}'))
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.puts).toBe(1)
})

test('what the server refuses for good is given up, and the rest goes on', async () => {
  for (const name of ['a', 'b']) write(name, name)
  failFirst(1, 'PUT', answering(413, '{"code":"too-large","message":"x"}'))
  await uploads.end(ATTEMPT, { artifacts })
  expect(store.artifacts.map((one) => one.path)).toEqual(['b'])
})

test('an agent that is killed in the middle of an upload goes on with it when it is started again', async () => {
  write('a', Buffer.alloc(2_000_000, 'x'))
  const seen = new Promise<void>((resolve) => {
    store.before = (request) => {
      if (request.method !== 'PUT') return false
      request.once('data', () => resolve())
      return true
    }
  })
  void uploads.end(ATTEMPT, { artifacts })
  expect(new Set(uploads.pending)).toEqual(new Set([ATTEMPT.attemptId]))
  await seen
  uploads.close()
  await uploads.idle()
  store.before = () => false
  uploads = open()
  uploads.resume()
  await uploads.idle()
  expect(store.text('a')?.length).toBe(2_000_000)
  uploads = open()
  uploads.resume()
  await uploads.idle()
  expect(store.artifacts).toHaveLength(1)
  await vi.waitFor(() => expect(uploads.pending).toEqual([]))
})

test('a checkpoint goes up as one archive, and comes back as it was', async () => {
  const saved = checkpoint(7, 'state of 7')
  uploads.checkpoint(ATTEMPT, saved)
  await vi.waitFor(() => expect(store.checkpoints).toHaveLength(1))
  const [kept] = store.checkpoints
  expect(kept).toMatchObject({ ...ATTEMPT, ...saved })
  const target = join(folder, 'target')
  mkdirSync(target)
  await unpackArchive(Readable.from([store.objects.get(kept?.sha256 ?? '') ?? Buffer.alloc(0)]), target)
  expect((await walkFolder(target)).entries).toEqual((await walkFolder(saved.path)).entries)
  // Its end has nothing left to do.
  expect(uploads.end(ATTEMPT, { checkpoint: saved })).toBeUndefined()
})

test('of checkpoints that come faster than they go up only the newest waits, and the end waits for the last', async () => {
  const release: (() => void)[] = []
  store.before = (request, response) => {
    if (request.method !== 'PUT' || release.length > 0) return false
    release.push(() => answering(503, '{}')(request, response))
    return true
  }
  uploads.checkpoint(ATTEMPT, checkpoint(1, 'one'))
  await vi.waitFor(() => expect(release).toHaveLength(1))
  for (const step of [2, 3, 4]) uploads.checkpoint(ATTEMPT, checkpoint(step, String(step)))
  const ending = uploads.end(ATTEMPT, { checkpoint: checkpoint(5, 'five') })
  release[0]?.()
  await ending
  expect(store.checkpoints.map((one) => one.step)).toEqual([1, 5])
})

test('a checkpoint that the program deletes meanwhile is left out', async () => {
  const saved = checkpoint(1, 'one')
  rmSync(saved.path, { recursive: true })
  uploads.checkpoint(ATTEMPT, saved)
  await uploads.end(ATTEMPT, { checkpoint: checkpoint(2, 'two') })
  expect(store.checkpoints.map((one) => one.step)).toEqual([2])
})

test("a file that the program's leftovers go on writing to is sent as it is in the end", async () => {
  write('log', 'x'.repeat(200_000))
  let changes = 0
  store.before = (request) => {
    if (request.method !== 'HEAD' || changes === 2) return false
    changes += 1
    // Between its hash and its bytes.
    write('log', 'y'.repeat(200_000 + changes))
    return false
  }
  await uploads.end(ATTEMPT, { artifacts })
  expect(changes).toBe(2)
  expect(store.text('log')).toBe('y'.repeat(200_002))
})

test('a large file streams: memory does not grow with it', async () => {
  const size = 256 * 1024 * 1024
  write('huge', '')
  truncateSync(join(artifacts, 'huge'), size)
  let received = 0
  store.before = (request, response) => {
    if (request.method !== 'PUT') return false
    request.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    request.on('end', () =>
      response.writeHead(413, { 'content-type': 'application/json' }).end('{"code":"too-large","message":"x"}'),
    )
    return true
  }
  const before = process.memoryUsage().rss
  await uploads.end(ATTEMPT, { artifacts })
  expect(received).toBe(size)
  expect(process.memoryUsage().rss - before).toBeLessThan(size / 2)
})
