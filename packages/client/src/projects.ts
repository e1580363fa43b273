import type { RetentionView } from '@sweep/spec/wire/tracking/retention'
import type { Http } from './http.ts'

/** What is done with whole projects. */
export interface Projects {
  /** What the policy of a project would do now, with at most `limit` steps of it, and what it has done. */
  retention(projectId: number, options?: { limit?: number }): Promise<RetentionView>
  /** Asks for the policy to be followed now; it is done when `isAsked` is false. */
  applyRetention(projectId: number): Promise<RetentionView>
}

export function createProjects(http: Http): Projects {
  const path = (id: number) => `/projects/${id}`

  return {
    retention: async (id, options) =>
      (await http.json({ path: `${path(id)}/retention`, query: { ...options } })) as RetentionView,
    applyRetention: async (id) => (await http.json({ method: 'POST', path: `${path(id)}/retention` })) as RetentionView,
  }
}
