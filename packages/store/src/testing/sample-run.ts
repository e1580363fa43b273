import { ExperimentId, RunId } from '@sweep/spec/ids'
import { CreateRun } from '@sweep/spec/wire/tracking/runs'
import type { Database } from '../database.ts'
import type { RunRecord } from '../tracking/run-record.ts'
import { createRun } from '../tracking/runs.ts'

let count = 0

/** Ten characters that no other id of the process has. */
export function sampleId(): string {
  count += 1
  return `r${count
    .toString(36)
    .replaceAll(/[iloau]/g, 'z')
    .padStart(4, '0')}${String(count).padStart(5, '0')}`
}

/** A run of its own, in the experiment `default` unless another is named. */
export async function sampleRun(
  database: Database,
  fields: Parameters<typeof CreateRun.parse>[0] = {},
): Promise<RunRecord> {
  const { run } = await createRun(database, {
    ...CreateRun.parse(fields),
    id: RunId.parse(sampleId()),
    newExperimentId: ExperimentId.parse(sampleId()),
    createdBy: 'user:me',
  })
  return run
}
