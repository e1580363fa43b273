import { gateText } from '@sweep/analysis/gates/gate-text'
import type { ModelGateView, ModelHistoryEntry, ModelVersionView, ModelView } from '@sweep/spec/wire/tracking/models'
import type { StoredGate } from '@sweep/store/models/gates'
import type { HistoryEntry } from '@sweep/store/models/history'
import type { ModelRecord } from '@sweep/store/models/models'
import type { ModelVersionRecord } from '@sweep/store/models/version-record'

export function modelView({ key: _, tags, stages, aliases, createdAt, updatedAt, ...model }: ModelRecord): ModelView {
  return {
    ...model,
    tags: { ...tags },
    stages: {
      dev: stages.dev ?? null,
      staging: stages.staging ?? null,
      production: stages.production ?? null,
      archived: stages.archived ?? null,
    },
    aliases: { ...aliases },
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

export function versionView(version: ModelVersionRecord): ModelVersionView {
  const { modelKey: _, dataVersion: __, aliases, tags, stagedAt, createdAt, updatedAt, ...rest } = version
  return {
    ...rest,
    aliases: [...aliases],
    tags: { ...tags },
    stagedAt: stagedAt.toISOString(),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

export function gateView({ createdAt, ...gate }: StoredGate): ModelGateView {
  return { ...gate, text: gateText(gate.gate), createdAt: createdAt.toISOString() }
}

export function historyView({ at, gates, ...entry }: HistoryEntry): ModelHistoryEntry {
  return { ...entry, gates: [...gates], at: at.toISOString() }
}
