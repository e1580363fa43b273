import { KubeConfig } from '@kubernetes/client-node'
import { KubeClient } from './kube-client.ts'

/**
 * The cluster of a kubeconfig, or the one that we run in ourselves.
 * @throws Error when there is neither
 */
export function connect(kubeconfig: string | undefined): KubeClient {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromCluster()
  else config.loadFromFile(kubeconfig)
  if (config.getCurrentCluster() === null) {
    throw new Error(`${kubeconfig ?? 'this pod'} names no cluster`)
  }
  return new KubeClient(config)
}
