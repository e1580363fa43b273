import type { RetentionView } from '@sweep/spec/wire/tracking/retention'
import type { ProjectImported, TransferFormat } from '@sweep/spec/wire/tracking/transfer'
import type { Http } from './http.ts'

/** What is done with whole projects. */
export interface Projects {
  /** What the policy of a project would do now, with at most `limit` steps of it, and what it has done. */
  retention(projectId: number, options?: { limit?: number }): Promise<RetentionView>
  /** Asks for the policy to be followed now; it is done when `isAsked` is false. */
  applyRetention(projectId: number): Promise<RetentionView>
  /** A whole project as a tar, as it comes. It is whole only if its last file is there, `manifest.json`. */
  exportProject(
    projectId: number,
    options?: { format?: TransferFormat; files?: boolean },
  ): Promise<AsyncIterable<Uint8Array>>
  /** Makes a project of such a tar, plain or gzipped, whole or not at all; under the name it had unless one is given. */
  importProject(bytes: AsyncIterable<Uint8Array>, options?: { name?: string | undefined }): Promise<ProjectImported>
}

export function createProjects(http: Http): Projects {
  const path = (id: number) => `/projects/${id}`

  return {
    retention: async (id, options) =>
      (await http.json({ path: `${path(id)}/retention`, query: { ...options } })) as RetentionView,
    applyRetention: async (id) => (await http.json({ method: 'POST', path: `${path(id)}/retention` })) as RetentionView,
    exportProject: async (id, { format, files = true } = {}) => {
      const { body } = await http.send({ path: `${path(id)}/export`, query: { format, files: String(files) } })
      return (body ?? []) as AsyncIterable<Uint8Array>
    },
    importProject: async (bytes, { name } = {}) => {
      const call = { method: 'POST', path: '/projects/import', query: { name }, bytes } as const
      return (await http.json(call)) as ProjectImported
    },
  }
}
