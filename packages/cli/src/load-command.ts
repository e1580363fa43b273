import { SweepError } from '@sweep/spec/errors'
import type { Command } from './command.ts'

/** The file of each command, loaded only when it is run. */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  run: () => import('./commands/run.ts').then((file) => file.command),
  create: () => import('./commands/create.ts').then((file) => file.command),
  validate: () => import('./commands/validate.ts').then((file) => file.command),
  demo: () => import('./commands/demo.ts').then((file) => file.command),
  ls: () => import('./commands/ls.ts').then((file) => file.command),
  get: () => import('./commands/get.ts').then((file) => file.command),
  watch: () => import('./commands/watch.ts').then((file) => file.command),
  wait: () => import('./commands/wait.ts').then((file) => file.command),
  leaderboard: () => import('./commands/leaderboard.ts').then((file) => file.command),
  best: () => import('./commands/best.ts').then((file) => file.command),
  importance: () => import('./commands/importance.ts').then((file) => file.command),
  confirm: () => import('./commands/confirm.ts').then((file) => file.command),
  report: () => import('./commands/report.ts').then((file) => file.command),
  compare: () => import('./commands/compare.ts').then((file) => file.command),
  'runs ls': () => import('./commands/runs-ls.ts').then((file) => file.command),
  health: () => import('./commands/health.ts').then((file) => file.command),
  why: () => import('./commands/why.ts').then((file) => file.command),
  facts: () => import('./commands/facts.ts').then((file) => file.command),
  replay: () => import('./commands/replay.ts').then((file) => file.command),
  edit: () => import('./commands/edit.ts').then((file) => file.command),
  enqueue: () => import('./commands/enqueue.ts').then((file) => file.command),
  doctor: () => import('./commands/doctor.ts').then((file) => file.command),
  completion: () => import('./commands/completion.ts').then((file) => file.command),
  version: () => import('./commands/version.ts').then((file) => file.command),
  diff: () => import('./commands/diff.ts').then((file) => file.command),
  'trial repro': () => import('./commands/trial-repro.ts').then((file) => file.command),
  'runs sync': () => import('./commands/runs-sync.ts').then((file) => file.command),
  'trial ls': () => import('./commands/trial-ls.ts').then((file) => file.command),
  'trial get': () => import('./commands/trial-get.ts').then((file) => file.command),
  'trial logs': () => import('./commands/trial-logs.ts').then((file) => file.command),
  'trial artifacts': () => import('./commands/trial-artifacts.ts').then((file) => file.command),
  'server start': () => import('./commands/server-start.ts').then((file) => file.command),
  'server stop': () => import('./commands/server-stop.ts').then((file) => file.command),
  'server status': () => import('./commands/server-status.ts').then((file) => file.command),
  'agent start': () => import('./commands/agent-start.ts').then((file) => file.command),
  'agent ls': () => import('./commands/agent-ls.ts').then((file) => file.command),
  'agent drain': () => import('./commands/agent-drain.ts').then((file) => file.command),
  'trial stop': () => import('./commands/trial-control.ts').then((file) => file.trialControl('stop')),
  'trial prune': () => import('./commands/trial-control.ts').then((file) => file.trialControl('prune')),
  'trial cancel': () => import('./commands/trial-control.ts').then((file) => file.trialControl('cancel')),
  'trial retry': () => import('./commands/trial-control.ts').then((file) => file.trialControl('retry')),
  pause: () => import('./commands/sweep-control.ts').then((file) => file.sweepControl('pause')),
  resume: () => import('./commands/sweep-control.ts').then((file) => file.sweepControl('resume')),
  stop: () => import('./commands/sweep-control.ts').then((file) => file.sweepControl('stop')),
  cancel: () => import('./commands/sweep-control.ts').then((file) => file.sweepControl('cancel')),
  'webhook add': () => import('./commands/webhook.ts').then((file) => file.add),
  'webhook ls': () => import('./commands/webhook.ts').then((file) => file.list),
  'webhook rm': () => import('./commands/webhook.ts').then((file) => file.remove),
  'webhook test': () => import('./commands/webhook.ts').then((file) => file.tryOut),
  'webhook dead': () => import('./commands/webhook.ts').then((file) => file.dead),
  'project ls': () => import('./commands/project-ls.ts').then((file) => file.command),
  'project policy': () => import('./commands/project-policy.ts').then((file) => file.command),
  'project retention': () => import('./commands/project-retention.ts').then((file) => file.command),
  'token create': () => import('./commands/token.ts').then((file) => file.create),
  'token ls': () => import('./commands/token.ts').then((file) => file.list),
  'token revoke': () => import('./commands/token.ts').then((file) => file.revoke),
}

/** @param name words as typed: `trial logs` */
export function loadCommand(name: string): Promise<Command> {
  const load = LOADERS[name]
  if (load === undefined) throw new SweepError('internal', `The command "${name}" has no file.`)
  return load()
}
