import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the agent of a home has ever made Jobs: what it left behind is looked for there. */
function namespacesFile(home: string): string {
  return join(home, 'kubernetes-namespaces')
}

export function namespacesOf(home: string): string[] {
  try {
    return readFileSync(namespacesFile(home), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

export function rememberNamespace(home: string, namespace: string): void {
  if (namespacesOf(home).includes(namespace)) return
  mkdirSync(home, { recursive: true })
  appendFileSync(namespacesFile(home), `${namespace}\n`)
}

export function hasMadeJobs(home: string): boolean {
  return namespacesOf(home).length > 0
}
