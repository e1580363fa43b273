import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { z } from 'zod'
import { BUSYBOX, docker } from './docker.ts'

export const USER = 'trainer'
export const PASSWORD = 'pass:word'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const Saved = z.array(z.object({ Config: z.string(), Layers: z.array(z.string()) })).length(1)

/**
 * A registry with one private image that no engine has, on a port of this machine, which engines talk to without TLS: as
 * much of the distribution API (v2) as a pull takes, behind a user and a password.
 */
export class TestRegistry {
  readonly host: string
  /** `host/team/train:1`, which prints `private`. */
  readonly image: string
  /** The same by its digest. */
  readonly pinned: string
  /** Users that blobs or manifests were given to. */
  readonly users: string[] = []
  readonly #server: Server
  readonly #blobs: ReadonlyMap<string, Buffer>
  readonly #manifest: Buffer

  private constructor(server: Server, blobs: ReadonlyMap<string, Buffer>, manifest: Buffer) {
    this.#server = server
    this.#blobs = blobs
    this.#manifest = manifest
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.image = `${this.host}/team/train:1`
    this.pinned = `${this.host}/team/train@${digestOf(manifest)}`
    server.on('request', (request, response) => this.#answer(request, response))
  }

  static async start(): Promise<TestRegistry> {
    const { blobs, manifest } = privateImage()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new TestRegistry(server, blobs, manifest)
  }

  /** `config.json` as `docker login` writes it. */
  config(user = USER, password = PASSWORD): object {
    return { auths: { [this.host]: { auth: Buffer.from(`${user}:${password}`).toString('base64') } } }
  }

  /** Takes the image off the machine's engine, so that it has to be pulled. */
  forget(): void {
    const images = docker('images', '-q', '--no-trunc', `${this.host}/team/train`).split('\n').filter(Boolean)
    if (images.length > 0) docker('rmi', '-f', ...new Set(images))
  }

  async stop(): Promise<void> {
    this.forget()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer({ headers, method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const [user, ...password] = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64')
      .toString('utf8')
      .split(':')
    if (user !== USER || password.join(':') !== PASSWORD) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"', 'content-type': 'application/json' })
      response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }))
      return
    }
    const [, kind, name = ''] = /^\/v2\/team\/train\/(manifests|blobs)\/(.+)$/.exec(url) ?? []
    const digest = digestOf(this.#manifest)
    const isManifest = kind === 'manifests' && ['1', digest].includes(name)
    const body = url === '/v2/' ? Buffer.from('{}') : isManifest ? this.#manifest : this.#blobs.get(name)
    if (body === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }))
      return
    }
    if (kind !== undefined) this.users.push(user)
    response.writeHead(200, {
      'content-type': isManifest ? MANIFEST : 'application/octet-stream',
      'content-length': body.length,
      ...(isManifest ? { 'docker-content-digest': digest } : {}),
    })
    response.end(method === 'HEAD' ? undefined : body)
  }
}

/** An image that is nowhere else, as a registry keeps it (Image Manifest Version 2, Schema 2). */
function privateImage(): { blobs: Map<string, Buffer>; manifest: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-registry-'))
  const tag = `sweep-test/private-${process.pid}:1`
  try {
    writeFileSync(join(folder, 'unique'), `${process.pid} ${performance.now()}`)
    const container = docker('create', BUSYBOX, 'true')
    docker('cp', join(folder, 'unique'), `${container}:/unique`)
    docker('commit', '-c', 'CMD ["echo","private"]', container, tag)
    docker('rm', container)
    docker('save', '-o', join(folder, 'image.tar'), tag)
    docker('rmi', tag)
    execFileSync('tar', ['-xf', 'image.tar'], { cwd: folder })
    const file = (name: string) => readFileSync(join(folder, name))
    const [saved] = Saved.parse(JSON.parse(file('manifest.json').toString('utf8')))
    const blobs = new Map<string, Buffer>()
    const blob = (mediaType: string, bytes: Buffer) => {
      const digest = digestOf(bytes)
      blobs.set(digest, bytes)
      return { mediaType: `application/vnd.docker.${mediaType}`, size: bytes.length, digest }
    }
    const config = blob('container.image.v1+json', file(saved?.Config ?? ''))
    const layers = saved?.Layers.map((name) => blob('image.rootfs.diff.tar.gzip', gzipSync(file(name), { level: 1 })))
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }))
    return { blobs, manifest }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
