import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { SweepError } from '@sweep/spec/errors'

/** Addresses that are nobody's on the public internet, after IANA's special-purpose registries (RFC 6890 and later). */
const NOT_PUBLIC = new BlockList()
const SUBNETS: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local; 169.254.169.254 is where clouds keep the credentials of a machine.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['::', 96],
  ['::1', 128],
  // What stands for IPv4 addresses, which may be private ones.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]
for (const [net, prefix] of SUBNETS) NOT_PUBLIC.addSubnet(net, prefix, net.includes(':') ? 'ipv6' : 'ipv4')

/** Whether an address may be one on the public internet. An IPv4 address in the clothes of IPv6 counts as what it is. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !NOT_PUBLIC.check(address, 'ipv4')
  // A BlockList compares ::ffff:10.0.0.1 with the IPv4 subnets as well.
  return family === 6 && !NOT_PUBLIC.check(address, 'ipv6')
}

export interface CheckedAddress {
  readonly address: string
  readonly family: 4 | 6
}

export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>

const resolveAll: Resolve = (host) => lookup(host, { all: true, verbatim: true })

/**
 * Where a host is, to be connected to at that very address: who asks for it again may be told another one. A host of
 * which any address is private is refused whole.
 * @throws SweepError `forbidden` for what is not public, `unreachable` for a host that is not known
 */
export async function checkedAddress(
  url: URL,
  options: { readonly allowPrivate: boolean; readonly resolve?: Resolve },
): Promise<CheckedAddress> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const found =
    isIP(host) === 0 ? await resolved(host, options.resolve ?? resolveAll) : [{ address: host, family: isIP(host) }]
  const hidden = options.allowPrivate ? undefined : found.find(({ address }) => !isPublicAddress(address))
  if (hidden !== undefined) {
    const which = hidden.address === host ? '' : ` ${hidden.address}, which is`
    throw new SweepError('forbidden', `${host} is${which} no address on the public internet`, {
      hint: 'Set SWEEP_WEBHOOKS_PRIVATE=allow on the server to send webhooks within your own network.',
    })
  }
  const [first] = found
  if (first === undefined) throw new SweepError('unreachable', `${host} has no address`, { retryable: true })
  return { address: first.address, family: first.family === 6 ? 6 : 4 }
}

async function resolved(host: string, resolve: Resolve): ReturnType<Resolve> {
  try {
    return await resolve(host)
  } catch (error) {
    throw new SweepError('unreachable', `${host} is not known`, { cause: error, retryable: true })
  }
}

/** @throws SweepError `invalid-request` */
export function parseWebhookUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw new SweepError('invalid-request', 'the address of a webhook must be a whole one, such as https://host/path', {
      cause: error,
    })
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new SweepError('invalid-request', `a webhook goes over https or http, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new SweepError('invalid-request', 'the address of a webhook must not hold a user or password', {
      hint: 'What is sent is signed; let the receiver check that.',
    })
  }
  return url
}
