import { join } from 'node:path'

/** The only user of the embedded Postgres, and the name of its database. */
export const CLUSTER_USER = 'sweep'

/** Longest path of a Unix socket, on the systems we know. */
const MAX_SOCKET_PATH = 103

/**
 * Through a socket in the folder, which costs about a third less per statement than TCP on loopback; through TCP where
 * the folder's path is too long for a socket.
 */
export function clusterUrl(folder: string, password: string, port: number): string {
  if (!hasSocket(folder)) return `postgres://${CLUSTER_USER}:${password}@127.0.0.1:${port}/sweep`
  return `postgres://${CLUSTER_USER}:${password}@localhost:${port}/sweep?host=${encodeURIComponent(folder)}`
}

/** Whether a socket in `folder` has a path that the system takes. */
export function hasSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, '.s.PGSQL.65535')) <= MAX_SOCKET_PATH
}
