const DEFAULT_SOCKET = '/var/run/docker.sock'

/**
 * The socket of this host's engine, from `DOCKER_HOST`; undefined when that names an engine elsewhere, which could not
 * see the folders of the runs.
 */
export function engineSocket(dockerHost: string | undefined): string | undefined {
  if (dockerHost === undefined || dockerHost === '') return DEFAULT_SOCKET
  return dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : undefined
}
