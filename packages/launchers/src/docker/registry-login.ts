import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '@sweep/spec/environment'
import { z } from 'zod'

/** What Docker's tools call its hub. */
const HUB = 'https://index.docker.io/v1/'
const HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])
/** A helper that asks somebody for a password never ends. */
const HELPER_MS = 20_000
/** What a helper calls itself a user by when its secret is an identity token. */
const TOKEN_USER = '<token>'

const Auth = z.object({
  /** Base64 of `user:password`. */
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
/** The part of `config.json` that `docker login` writes. */
const Config = z.object({
  auths: z.record(z.string(), Auth).default({}),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).default({}),
})
const Answer = z.object({ Username: z.string(), Secret: z.string() })

/** As the engine takes it in `X-Registry-Auth`. */
export type RegistryAuth =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string }

export interface Login {
  /** Absent: the registry is asked without. */
  readonly auth?: RegistryAuth
  /** The registry, as `docker login` is told it; empty for Docker Hub. */
  readonly registry: string
  /** For people: where it is from, or why there is none. */
  readonly from: string
}

/** `localhost:5000` of `localhost:5000/team/train:1`; empty for an image of Docker Hub. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost')
  return isHost && !HUB_HOSTS.has(first) ? first : ''
}

/**
 * The credentials for the registry of an image, as `docker pull` would find them: in `config.json` of `DOCKER_CONFIG` or
 * `~/.docker`, or by the helper that it names. Read anew each time, since helpers hand out tokens that live for hours.
 *
 * @param env the agent's environment
 */
export async function registryLogin(image: string, env: Environment): Promise<Login> {
  const registry = registryOf(image)
  const file = join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json')
  const none = (why: string): Login => ({ registry, from: why })
  let config: z.infer<typeof Config>
  try {
    config = Config.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return none(isMissing ? `there is no ${file}` : `${file} can't be read: ${(error as Error).message}`)
  }
  const isOfRegistry = ([key]: readonly [string, unknown]) => hostOf(key) === (registry || hostOf(HUB))
  const helper = Object.entries(config.credHelpers).find(isOfRegistry)?.[1] ?? config.credsStore
  const serveraddress = registry || HUB
  if (helper !== undefined) {
    try {
      const found = Answer.parse(JSON.parse(await askHelper(helper, serveraddress, env)))
      return {
        registry,
        auth: authOf(found.Username, found.Secret, serveraddress),
        from: `docker-credential-${helper}`,
      }
    } catch (error) {
      return none(`docker-credential-${helper} gave none: ${(error as Error).message}`)
    }
  }
  const kept = Object.entries(config.auths).find(isOfRegistry)?.[1]
  const [username = '', ...password] = Buffer.from(kept?.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  const [user, secret] = [kept?.username ?? username, kept?.password ?? password.join(':')]
  if (kept?.identitytoken) return { registry, auth: authOf(TOKEN_USER, kept.identitytoken, serveraddress), from: file }
  if (user === '') return none(`${file} has none`)
  return { registry, auth: authOf(user, secret, serveraddress), from: file }
}

function authOf(username: string, secret: string, serveraddress: string): RegistryAuth {
  if (username === TOKEN_USER) return { identitytoken: secret, serveraddress }
  return { username, password: secret, serveraddress }
}

/** Older tools wrote addresses, such as `https://registry.example.com/v1/`. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

/**
 * Asks a credential helper by the protocol of docker/docker-credential-helpers: the registry on its standard input, JSON or
 * what is wrong on its standard output.
 */
function askHelper(name: string, server: string, env: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: HELPER_MS }
    const child = execFile(`docker-credential-${name}`, ['get'], options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(new Error(stdout.trim() || error.message, { cause: error }))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(server)
  })
}
