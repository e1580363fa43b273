import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../http/app.ts'

const FILES = [
  ['page.html', 'text/html; charset=utf-8'],
  ['page.js', 'text/javascript; charset=utf-8'],
  ['page.css', 'text/css; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
] as const

/** The plain page: one document for every address, which then asks the API. It holds no data, so anybody may have it. */
export async function addPageRoutes(app: App): Promise<void> {
  const folder = staticFolder()
  for (const [file, type] of FILES) {
    const content = await readFile(join(folder, file))
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`
    const paths = file === 'page.html' ? ['/', '/agents', '/sweeps/:id'] : [`/static/${file}`]
    for (const path of paths) {
      app.get(path, { config: { access: 'public' }, schema: { hide: true } }, (request, reply) => {
        reply.headers({ 'content-type': type, 'cache-control': 'no-cache', etag })
        return request.headers['if-none-match'] === etag ? reply.status(304).send() : reply.send(content)
      })
    }
  }
}

/** Beside the bundled server, or in the source tree. */
function staticFolder(): string {
  const places = ['./static/', '../../static/'].map((place) => fileURLToPath(new URL(place, import.meta.url)))
  const found = places.find((place) => existsSync(join(place, 'page.html')))
  if (found === undefined) throw new Error(`the page is missing; looked in ${places.join(', ')}`)
  return found
}
