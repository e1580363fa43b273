import { Agent } from 'node:http'
import Docker from 'dockerode'

export function connectEngine(socketPath: string): Docker {
  // Each request on a connection of its own: an engine that is going down still answers on those it has, and whether
  // it ended a container or the container itself did is told apart by its silence.
  const agent = new Agent({ keepAlive: false })
  return new Docker({ socketPath, host: undefined, agent } as Docker.DockerOptions)
}
