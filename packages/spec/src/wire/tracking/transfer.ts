import { z } from 'zod'
import { Sha256 } from '../../code.ts'
import { TRANSFER_FORMATS } from '../../transfer-formats.ts'
import { Time } from '../api.ts'
import { ProjectView } from './projects.ts'

/** Of `/api/v1/projects/:id/export` and `/api/v1/projects/import`; docs/tracking/export.md has the format. */

export const TransferFormat = z.enum(TRANSFER_FORMATS)
export type TransferFormat = z.infer<typeof TransferFormat>

/** Version of the archives that this release writes and reads. */
export const TRANSFER_VERSION = 1
export const MANIFEST = 'manifest.json'

/** The last file of an archive: what all the others are, so that one that was cut off is noticed. */
export const TransferManifest = z.strictObject({
  kind: z.literal('sweep-project'),
  version: z.int(),
  format: TransferFormat,
  project: z.string(),
  exportedAt: Time,
  files: z.array(
    z.strictObject({
      path: z.string(),
      rows: z.int().min(0),
      sizeBytes: z.int().min(0),
      sha256: Sha256,
    }),
  ),
  /** How many files of runs there are, by their bytes. */
  objects: z.int().min(0),
})
export type TransferManifest = z.infer<typeof TransferManifest>

/** What was brought in. */
export const ProjectImported = z.strictObject({
  project: ProjectView,
  experiments: z.int(),
  runs: z.int(),
  points: z.int(),
  artifacts: z.int(),
})
export type ProjectImported = z.infer<typeof ProjectImported>
