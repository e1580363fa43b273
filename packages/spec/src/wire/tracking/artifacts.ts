import { z } from 'zod'
import { ArtifactPath, Sha256 } from '../../code.ts'
import { RunId } from '../../ids.ts'
import { Json } from '../../number.ts'
import { ShallowJson } from '../../tracking/shallow-json.ts'
import { Time } from '../api.ts'

/** Bodies of `/api/v1/runs/:id/artifacts`. */

/** A path that leads out on no system, whichever slash it takes for one. */
export const RunArtifactPath = ArtifactPath.refine(
  (path) => path.split(/[\\/]/).every((part) => part !== '.' && part !== '..'),
  { error: 'must be a path without . or ..' },
)

/** Such as `model`, `dataset`, `plot`. */
export const ArtifactType = z.string().min(1).max(100)

export const ArtifactMetadata = z
  .record(z.string().max(250), ShallowJson)
  .refine((metadata) => JSON.stringify(metadata).length <= 65_536, { error: 'at most 64 KiB of JSON' })
export type ArtifactMetadata = z.infer<typeof ArtifactMetadata>

/** A name for one version; `latest` is always the newest. */
export const ArtifactAlias = z
  .string()
  .regex(/^[A-Za-z][\w.-]{0,99}$/, { error: 'a letter and up to 99 letters, digits, or _ . -' })
  .refine((alias) => alias !== 'latest', { error: 'latest is the newest version by itself' })

/**
 * `POST /runs/:id/artifacts`: notes a file whose bytes the object store has already. What is left out of type and metadata
 * stays as it is where the path has these bytes already; else it is `file`, and nothing.
 */
export const NoteArtifact = z.strictObject({
  path: RunArtifactPath,
  sha256: Sha256,
  type: ArtifactType.optional(),
  metadata: ArtifactMetadata.optional(),
  aliases: z.array(ArtifactAlias).max(100).default([]),
})
export type NoteArtifact = z.input<typeof NoteArtifact>

/** `PATCH /runs/:id/artifacts/file`: of the version in the query. `aliases` come beside those it has. */
export const ChangeArtifact = z.strictObject({
  type: ArtifactType.optional(),
  metadata: ArtifactMetadata.optional(),
  aliases: z.array(ArtifactAlias).max(100).optional(),
  removeAliases: z.array(ArtifactAlias).max(100).optional(),
})
export type ChangeArtifact = z.input<typeof ChangeArtifact>

export const RunArtifactView = z.strictObject({
  path: ArtifactPath,
  /** Counts from 1; bytes that a path has already make no new one. */
  version: z.int(),
  type: z.string(),
  sizeBytes: z.int(),
  sha256: Sha256,
  metadata: z.record(z.string(), Json),
  /** With `latest` for the newest. */
  aliases: z.array(z.string()),
  createdAt: Time,
})
export type RunArtifactView = z.infer<typeof RunArtifactView>

/** By path, the newest version of each; with `path` in the query all versions of that one, newest first. */
export const RunArtifactList = z.strictObject({ artifacts: z.array(RunArtifactView), next: z.string().nullable() })
export type RunArtifactList = z.infer<typeof RunArtifactList>

/** `POST /runs/:id/artifacts/uses`: this run has read a file of another. */
export const UseArtifact = z.strictObject({
  runId: RunId,
  path: ArtifactPath,
  /** The newest when absent. */
  version: z.int().min(1).optional(),
})
export type UseArtifact = z.input<typeof UseArtifact>

const Link = z.strictObject({ runId: RunId, path: z.string(), version: z.int(), at: Time })

/** `GET /runs/:id/lineage`: what it has read of others, and who has read what of it. */
export const Lineage = z.strictObject({ uses: z.array(Link), usedBy: z.array(Link) })
export type Lineage = z.infer<typeof Lineage>
