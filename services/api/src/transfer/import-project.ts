import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ExperimentId, newId, RunId } from '@sweep/spec/ids'
import { isOver } from '@sweep/spec/tracking/run-status'
import { NAMES_PER_ATTEMPT } from '@sweep/store/attempt-ingest'
import type { Queryable } from '@sweep/store/database'
import { nameIds } from '@sweep/store/metric-names'
import { isBadData } from '@sweep/store/store-error'
import { projectNamed } from '@sweep/store/tracking/projects'
import { PointsImport } from '@sweep/store/transfer/points-import'
import {
  type ImportedArtifact,
  importArtifact,
  importExperiments,
  importParents,
  importProject as importProjectRow,
  importRuns,
  importUses,
  projectTaken,
  takenIds,
} from '@sweep/store/transfer/project-import'
import type { ApiContext } from '../context.ts'
import { storeBytes } from '../objects/store-upload.ts'
import { rowsOf } from './archive-tables.ts'
import { refused, type SpooledArchive, spoolArchive } from './spool-archive.ts'
import type { RowOf } from './tables.ts'

export interface ImportedCounts {
  readonly projectId: number
  readonly experiments: number
  readonly runs: number
  readonly points: number
  readonly artifacts: number
}

/**
 * Makes a project of an archive, as a whole or not at all: it is taken apart and checked first, and then stored in one
 * transaction. What it has of files is in the object store before; the janitor takes it away where nothing comes of it.
 * @param name of the project; that of the archive when absent
 * @throws SweepError `conflict` for a name that there is already; `invalid-request` and `checksum-mismatch`
 */
export async function importProject(
  context: ApiContext,
  source: Readable,
  name: string | undefined,
): Promise<ImportedCounts> {
  const { database } = context
  if (name !== undefined && (await projectNamed(database, name)) !== undefined) throw projectTaken(name)
  const folder = await mkdtemp(join(tmpdir(), 'sweep-import-'))
  try {
    const archive = await spoolArchive(source, folder)
    const called = name ?? archive.manifest.project
    if ((await projectNamed(database, called)) !== undefined) throw projectTaken(called)
    for (const sha256 of archive.objects) {
      await storeBytes(sha256, createReadStream(join(folder, 'objects', sha256)), context)
    }
    return await database
      .tx((tx) => new ProjectImport(context, tx, archive).run(called))
      .catch((error: unknown) => {
        // Rows that each look right and not together, such as an alias twice.
        throw isBadData(error) ? refused(error instanceof Error ? error.message : String(error), error) : error
      })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class ProjectImport {
  readonly #context: ApiContext
  readonly #tx: Queryable
  readonly #archive: SpooledArchive
  readonly #experiments = new Map<string, ExperimentId>()
  readonly #runs = new Map<string, { readonly key: number; readonly thinnedSteps: Readonly<Record<string, number>> }>()
  readonly #names = new Map<string, number>()

  constructor(context: ApiContext, tx: Queryable, archive: SpooledArchive) {
    this.#context = context
    this.#tx = tx
    this.#archive = archive
  }

  async run(name: string): Promise<ImportedCounts> {
    const projectId = await this.#project(name)
    await this.#importExperiments(projectId)
    await this.#importRuns()
    const points = await this.#importPoints()
    const artifacts = await this.#importArtifacts()
    await this.#importUses()
    return { projectId, experiments: this.#experiments.size, runs: this.#runs.size, points, artifacts }
  }

  async #project(name: string): Promise<number> {
    const rows: RowOf<'project'>[] = []
    for await (const part of rowsOf(this.#archive, 'project')) rows.push(...part)
    const [row] = rows
    if (row === undefined || rows.length > 1) throw refused(`it is of ${rows.length} projects`)
    return importProjectRow(this.#tx, { ...row, name })
  }

  async #importExperiments(projectId: number): Promise<void> {
    const names = new Set<string>()
    for await (const rows of rowsOf(this.#archive, 'experiments')) {
      const taken = await takenIds(
        this.#tx,
        rows.map(({ id }) => id),
      )
      const experiments = rows.map(({ kind: _, source: __, ...row }) => {
        if (this.#experiments.has(row.id)) throw refused(`it has experiment ${row.id} twice`)
        const id = taken.has(row.id) ? ExperimentId.parse(newId(this.#context.randomBytes)) : row.id
        this.#experiments.set(row.id, id)
        // Sweeps may share their names, and experiments of runs may not.
        const name = names.has(row.name) ? `${row.name} (${row.id})` : row.name
        names.add(name)
        return { ...row, id, name }
      })
      await importExperiments(this.#tx, projectId, experiments)
    }
  }

  async #importRuns(): Promise<void> {
    const parents = new Map<string, string>()
    const seen = new Set<string>()
    for await (const rows of rowsOf(this.#archive, 'runs')) {
      for (const { id } of rows) {
        if (seen.has(id)) throw refused(`it has run ${id} twice`)
        seen.add(id)
      }
      const taken = await takenIds(
        this.#tx,
        rows.map(({ id }) => id),
      )
      const runs = rows.map((row) => this.#ownRun(row, taken))
      const keys = await importRuns(this.#tx, runs)
      for (const [n, { id, parentRunId, thinnedSteps }] of rows.entries()) {
        this.#runs.set(id, { key: keys[n] ?? 0, thinnedSteps })
        if (parentRunId !== null) parents.set(id, parentRunId)
      }
    }
    refuseCircles(parents)
    await importParents(
      this.#tx,
      [...parents].map(([id, parent]) => [this.#key(id), this.#key(parent)]),
    )
  }

  /** Of a trial a run of its own is made, as its sweep does not come along. */
  #ownRun(row: RowOf<'runs'>, taken: ReadonlySet<string>) {
    const { trial, trialState, parentRunId: _, thinnedSteps: __, ...run } = row
    const experimentId = this.#experiments.get(row.experimentId)
    if (experimentId === undefined) throw refused(`run ${row.id} is of experiment ${row.experimentId}, which it lacks`)
    const isFree = trial === null && !row.id.includes('-') && !taken.has(row.id)
    const id = isFree ? row.id : RunId.parse(newId(this.#context.randomBytes))
    if (trial === null) return { ...run, id, experimentId }
    const tags = { ...run.tags, 'sweep.trial': row.id, 'sweep.state': trialState ?? '' }
    if (isOver(run.status)) return { ...run, id, experimentId, tags }
    const message = `its trial was ${trialState ?? run.status} when it was exported`
    const endedAt = run.startedAt ?? run.createdAt
    return { ...run, id, experimentId, tags, message, status: 'killed' as const, endedAt }
  }

  async #importPoints(): Promise<number> {
    const done = new Set<string>()
    let open: { readonly id: string; readonly points: PointsImport } | undefined
    let count = 0
    const close = async () => {
      if (open === undefined) return
      const thinnedSteps = this.#runs.get(open.id)?.thinnedSteps ?? {}
      const steps = Object.entries(thinnedSteps).flatMap(([name, width]) => {
        const nameId = this.#names.get(name)
        return nameId === undefined ? [] : [[nameId, width] as const]
      })
      await open.points.finish(new Map(steps))
    }
    for await (const rows of rowsOf(this.#archive, 'metrics')) {
      await this.#learnNames(rows)
      for (const { runId, key, step, at, value } of rows) {
        if (open?.id !== runId) {
          await close()
          if (done.has(runId)) throw refused(`points of run ${runId} are in several places`)
          done.add(runId)
          open = { id: runId, points: await PointsImport.begin(this.#tx, this.#key(runId)) }
        }
        await open.points.add(this.#names.get(key) ?? 0, step, at, value)
        if (open.points.names > NAMES_PER_ATTEMPT)
          throw refused(`run ${runId} has more than ${NAMES_PER_ATTEMPT} metrics`)
      }
      count += rows.length
    }
    await close()
    return count
  }

  /** Outside of the transaction: others who log a metric of a new name would wait for its end. */
  async #learnNames(rows: readonly RowOf<'metrics'>[]): Promise<void> {
    const fresh = [...new Set(rows.map(({ key }) => key))].filter((key) => !this.#names.has(key))
    for (const [name, id] of await nameIds(this.#context.database, fresh)) this.#names.set(name, id)
  }

  async #importArtifacts(): Promise<number> {
    const done = new Set<string>()
    let versions: ImportedArtifact[] = []
    let count = 0
    const close = async () => {
      const [first] = versions
      if (first === undefined) return
      const place = `${first.runKey}/${first.path}`
      if (done.has(place)) throw refused(`versions of ${JSON.stringify(first.path)} are in several places`)
      done.add(place)
      await importArtifact(this.#tx, versions)
      versions = []
    }
    for await (const rows of rowsOf(this.#archive, 'artifacts')) {
      for (const { runId, ...artifact } of rows) {
        const runKey = this.#key(runId)
        const last = versions.at(-1)
        if (last !== undefined && (last.runKey !== runKey || last.path !== artifact.path)) await close()
        if ((versions.at(-1)?.version ?? 0) >= artifact.version || artifact.aliases.includes('latest')) {
          throw refused(`versions of ${JSON.stringify(artifact.path)} do not rise, or one is called latest`)
        }
        versions.push({ ...artifact, runKey })
      }
      count += rows.length
    }
    await close()
    return count
  }

  async #importUses(): Promise<void> {
    for await (const rows of rowsOf(this.#archive, 'uses')) {
      const uses = rows.map(({ runId, sourceRunId, ...use }) => {
        return { ...use, runKey: this.#key(runId), sourceKey: this.#key(sourceRunId) }
      })
      await importUses(this.#tx, uses)
    }
  }

  #key(runId: string): number {
    const run = this.#runs.get(runId)
    if (run === undefined) throw refused(`it speaks of run ${runId}, which it lacks`)
    return run.key
  }
}

function refuseCircles(parents: ReadonlyMap<string, string>): void {
  const clear = new Set<string>()
  for (const start of parents.keys()) {
    const path = new Set<string>()
    for (let id: string | undefined = start; id !== undefined && !clear.has(id); id = parents.get(id)) {
      if (path.has(id)) throw refused(`run ${id} is below itself`)
      path.add(id)
    }
    for (const id of path) clear.add(id)
  }
}
