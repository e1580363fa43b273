import { Readable } from 'node:stream'
import { getContent } from '@sweep/objects/content'
import { SweepError } from '@sweep/spec/errors'
import { SweepId } from '@sweep/spec/ids'
import type { TransferFormat } from '@sweep/spec/wire/tracking/transfer'
import type { SweepDefinition } from '@sweep/store/sweeps'
import { sweepDefinition } from '@sweep/store/sweeps'
import { type ExperimentRecord, listExperiments } from '@sweep/store/tracking/experiments'
import type { ProjectRecord } from '@sweep/store/tracking/projects'
import { readDetails } from '@sweep/store/tracking/run-details'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import {
  artifactsOfRun,
  type ExportedArtifact,
  runsOfProject,
  thinnedStepsOf,
  usesOfRun,
} from '@sweep/store/transfer/exported-rows'
import { streamRunPoints } from '@sweep/store/transfer/stream-points'
import { pack } from 'tar-stream'
import type { ApiContext } from '../context.ts'
import { sourceOf } from '../tracking/run-view.ts'
import { ArchiveWriter } from './archive-writer.ts'
import type { RowOf } from './tables.ts'

const EXPERIMENTS = 500
const RUNS = 100

export interface ExportOptions {
  readonly format: TransferFormat
  /** Whether files of runs come along. */
  readonly files: boolean
}

/**
 * A whole project as a tar, made as it is read; memory does not grow with it. A stream that fails has ended before its
 * manifest, so what was written of it is no archive.
 */
export function exportProject(context: ApiContext, project: ProjectRecord, options: ExportOptions): Readable {
  const archive = pack()
  new ProjectExport(context, project, options, new ArchiveWriter(archive, options.format))
    .run()
    .catch((error: Error) => archive.destroy(error))
  return Readable.from(archive, { objectMode: false })
}

class ProjectExport {
  readonly #context: ApiContext
  readonly #project: ProjectRecord
  readonly #options: ExportOptions
  readonly #writer: ArchiveWriter
  readonly #definitions = new Map<string, SweepDefinition>()

  constructor(context: ApiContext, project: ProjectRecord, options: ExportOptions, writer: ArchiveWriter) {
    this.#context = context
    this.#project = project
    this.#options = options
    this.#writer = writer
  }

  async run(): Promise<void> {
    const { clock, database } = this.#context
    const { id, name: project, description, owner, team, tags, settings, createdAt } = this.#project
    const about = { name: project, description, owner, team, tags: { ...tags }, settings }
    await this.#writer.add('project', { ...about, createdAt: createdAt.toISOString() })
    for await (const experiment of this.#experiments()) await this.#experiment(experiment)
    for (let after = 0; ; ) {
      const runs = await runsOfProject(database, id, after, RUNS)
      for (const run of runs) await this.#run(run)
      const last = runs.at(-1)
      if (runs.length < RUNS || last === undefined) break
      after = last.key
    }
    await this.#writer.finish({ project, exportedAt: new Date(clock.now()).toISOString() })
  }

  async *#experiments(): AsyncGenerator<ExperimentRecord> {
    const { database } = this.#context
    let before: { createdAt: Date; id: string } | undefined
    do {
      const page = { project: this.#project.name, limit: EXPERIMENTS, ...(before === undefined ? {} : { before }) }
      const found = await listExperiments(database, page)
      yield* found
      before = found.length < EXPERIMENTS ? undefined : found.at(-1)
    } while (before !== undefined)
  }

  async #experiment({ projectId: _, project: __, tags, createdAt, ...rest }: ExperimentRecord): Promise<void> {
    const source = rest.kind === 'sweep' ? (await this.#definition(rest.id)).source : null
    await this.#writer.add('experiments', { ...rest, tags: { ...tags }, createdAt: createdAt.toISOString(), source })
  }

  async #run(run: RunRecord): Promise<void> {
    const { database } = this.#context
    await this.#writer.add('runs', await this.#runRow(run))
    for await (const { name: key, column } of streamRunPoints(database, run)) {
      const { steps, times, values } = column
      for (let n = 0; n < values.length; n += 1) {
        const value = values[n] ?? Number.NaN
        await this.#writer.add('metrics', { runId: run.id, key, step: steps[n] ?? 0, at: times[n] ?? 0, value })
      }
    }
    if (!this.#options.files) return
    const artifacts = await artifactsOfRun(database, run.key)
    for (const artifact of artifacts) {
      const { aliases, metadata, createdAt, ...rest } = artifact
      const row = { runId: run.id, ...rest, metadata: { ...metadata }, aliases: [...aliases] }
      await this.#writer.add('artifacts', { ...row, createdAt: createdAt.toISOString() })
      if (!this.#writer.hasObject(artifact.sha256)) await this.#object(run, artifact)
    }
    for (const { at, ...use } of await usesOfRun(database, this.#project.id, run.key)) {
      await this.#writer.add('uses', { runId: run.id, ...use, at: at.toISOString() })
    }
  }

  async #runRow(run: RunRecord): Promise<RowOf<'runs'>> {
    const { database } = this.#context
    const { id, experimentId, name, group, status, parentRunId, trial, createdBy } = run
    const { notes, message, source, environment, resources } = await readDetails(database, run.key)
    const definition = trial === null ? undefined : await this.#definition(trial.sweepId)
    const time = (at: Date | null) => at?.toISOString() ?? null
    return {
      ...{ id, experimentId, name, group, status, parentRunId, createdBy, notes, message },
      ...{ trial: trial?.number ?? null, trialState: trial?.state ?? null },
      ...{
        params: { ...run.params },
        tags: { ...run.tags },
        environment: { ...environment },
        resources: { ...resources },
      },
      source: definition === undefined ? source : { ...sourceOf(definition), ...source },
      ...{ createdAt: run.createdAt.toISOString(), startedAt: time(run.startedAt), endedAt: time(run.endedAt) },
      ...{ archivedAt: time(run.archivedAt), thinnedAt: time(run.thinnedAt) },
      thinnedSteps: run.thinnedAt === null ? {} : await thinnedStepsOf(database, run.key),
    }
  }

  async #object(run: RunRecord, { path, sha256 }: ExportedArtifact): Promise<void> {
    const content = await getContent(this.#context.objects, sha256)
    if (content === undefined) {
      throw new SweepError(
        'not-found',
        `the bytes of ${JSON.stringify(path)} of run ${run.id} are not where they were kept`,
        {
          hint: 'Export without files, or delete that one.',
        },
      )
    }
    await this.#writer.addObject(sha256, content.sizeBytes, content.stream)
  }

  async #definition(id: string): Promise<SweepDefinition> {
    const known = this.#definitions.get(id)
    if (known !== undefined) return known
    const found = await sweepDefinition(this.#context.database, SweepId.parse(id))
    this.#definitions.set(id, found)
    return found
  }
}
