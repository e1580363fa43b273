import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SweepError } from '@sweep/spec/errors'
import { sweepHome } from '@sweep/spec/sweep-home'

/** Where a server is and how to be let in. */
export interface Connection {
  /** Such as `http://127.0.0.1:4600`, without a slash at the end. */
  readonly url: string
  readonly token: string | undefined
  /** Where the address was found, for `doctor` and for errors. */
  readonly origin: 'given' | 'environment' | 'home'
  /** Process of the local server that wrote `server.json`; it may be dead by now. */
  readonly pid: number | undefined
}

export interface FindServer {
  readonly url?: string | undefined
  readonly token?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Default: `sweepHome(env)`. */
  readonly home?: string
}

/**
 * The server to talk to: what was given, else `SWEEP_URL` and `SWEEP_TOKEN`, else the local one that left its address
 * in the home folder. A token that was given or set goes with whichever address is found; the local server's own token
 * goes only to the local server, never to another address.
 *
 * @returns undefined when no server is configured and none has been started here
 * @throws SweepError `invalid-request` when an address or `server.json` cannot be read
 */
export async function findServer(options: FindServer): Promise<Connection | undefined> {
  const { env } = options
  const home = options.home ?? sweepHome(env)
  const token = options.token || env['SWEEP_TOKEN'] || undefined
  const local = await readLocal(home)
  const url = options.url || env['SWEEP_URL']
  if (url) {
    const checked = checkUrl(url)
    const isLocal = local !== undefined && local.url === checked
    return {
      url: checked,
      token: token ?? (isLocal ? await readToken(home) : undefined),
      origin: options.url ? 'given' : 'environment',
      pid: isLocal ? local.pid : undefined,
    }
  }
  if (local === undefined) return undefined
  return { url: local.url, token: token ?? (await readToken(home)), origin: 'home', pid: local.pid }
}

async function readLocal(home: string): Promise<{ url: string; pid: number | undefined } | undefined> {
  const path = join(home, 'server.json')
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  const found: unknown = parseJson(text)
  if (typeof found !== 'object' || found === null || !('url' in found) || typeof found.url !== 'string') {
    throw new SweepError('invalid-request', `${path} does not name a server`, {
      hint: 'Remove the file and run `sweep server start`.',
    })
  }
  const pid = 'pid' in found && typeof found.pid === 'number' ? found.pid : undefined
  return { url: checkUrl(found.url), pid }
}

async function readToken(home: string): Promise<string | undefined> {
  const text = await readIfThere(join(home, 'token'))
  return text?.trim() || undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw new SweepError('invalid-request', `${path} cannot be read`, {
      cause: error,
      hint: 'Check its owner and permissions.',
    })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '') {
    throw new SweepError('invalid-request', `${JSON.stringify(text)} is not the address of a server`, {
      hint: 'Write it like http://127.0.0.1:4600; the token goes into SWEEP_TOKEN.',
    })
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
