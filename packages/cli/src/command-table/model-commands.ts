import { type CommandEntry, LOOK, STEER } from './command-entry.ts'

const VERSION = '<model@version>'
const VERSION_MORE = `  A version is a number, an alias, latest, or a stage, which means the newest
  version in it: sweep model get digits@production`

export const MODEL_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'model ls',
    group: LOOK,
    summary: 'list registered models and what is in production',
  },
  {
    name: 'model get',
    args: '<model[@version]>',
    group: LOOK,
    summary: 'a model and its versions, or one version and what made it',
    more: VERSION_MORE,
  },
  {
    name: 'model history',
    args: '<model[@version]>',
    group: LOOK,
    summary: 'what happened to a model, refused promotions too, newest first',
    options: [{ flags: '--limit <count>', help: 'at most so many (default 50)' }],
  },
  {
    name: 'model files',
    args: VERSION,
    group: LOOK,
    summary: 'list or fetch the files of a version',
    more: VERSION_MORE,
    options: [{ flags: '--download <folder>', help: 'fetch them all into this folder' }],
  },
  {
    name: 'model register',
    args: '<model> <run>',
    group: STEER,
    summary: 'register what a run has made as a version of a model',
    more: `  A run is an id, or a trial written SWEEP/NUMBER:
  sweep model register digits @last/17`,
    options: [
      { flags: '--path <path>', help: "file or folder among the run's files (default: its only model)" },
      { flags: '--framework <name>', help: 'what it was made with (default: what its files say)' },
      { flags: '--data-version <text>', help: 'what it was trained on (default: what the run says)' },
      { flags: '--description <text>', help: 'for people' },
      { flags: '--tag <key=value>', help: 'a tag of the version; may be repeated', repeat: true },
      { flags: '--alias <name>', help: 'a name for the version, such as champion; may be repeated', repeat: true },
    ],
  },
  {
    name: 'model promote',
    args: `${VERSION} <stage>`,
    group: STEER,
    summary: 'take a version to staging or production, if its gates let it',
    more: `  sweep model promote digits@3 production --reason 'better on the new data'

  The version that was in production is archived; sweep model rollback takes
  it back.`,
    options: [
      { flags: '--reason <text>', help: 'why; kept with it' },
      { flags: '--force', help: 'also if gates fail; needs --reason' },
      { flags: '--dry-run', help: 'only say what the gates find' },
    ],
  },
  {
    name: 'model rollback',
    args: '<model>',
    group: STEER,
    summary: 'take the version back into production that was there before',
    options: [{ flags: '--reason <text>', help: 'why; kept with it' }],
  },
  {
    name: 'model archive',
    args: VERSION,
    group: STEER,
    summary: 'take a version out of use',
    more: VERSION_MORE,
    options: [{ flags: '--reason <text>', help: 'why; kept with it' }],
  },
  {
    name: 'model restore',
    args: VERSION,
    group: STEER,
    summary: 'take a version back to dev',
    more: VERSION_MORE,
    options: [{ flags: '--reason <text>', help: 'why; kept with it' }],
  },
  {
    name: 'model alias',
    args: `${VERSION} <alias>`,
    group: STEER,
    summary: 'give a version a name, whichever had it before',
    options: [{ flags: '--remove', help: 'take the name away' }],
  },
  {
    name: 'model rm',
    args: '<model[@version]>',
    group: STEER,
    summary: 'delete a version, or a model with all of them',
  },
  {
    name: 'model gates',
    args: '<model>',
    group: LOOK,
    summary: 'what versions have to pass to be promoted',
  },
  {
    name: 'model gate',
    args: '<model> [stage]',
    group: STEER,
    summary: 'add or remove what versions have to pass for a stage',
    more: `  sweep model gate digits production --min acc=0.95 --better acc --completed
  sweep model gate digits production --better val_loss=2% --lower
  sweep model gate digits --remove 4`,
    options: [
      { flags: '--min <metric=value>', help: 'a metric is at least this; may be repeated', repeat: true },
      { flags: '--max <metric=value>', help: 'a metric is at most this; may be repeated', repeat: true },
      { flags: '--better <metric[=by]>', help: 'than in production, by an amount or a share such as 2%', repeat: true },
      { flags: '--lower', help: 'lower is better, for --better' },
      { flags: '--summary <which>', help: 'which value of a metric counts', choices: ['last', 'min', 'max'] },
      { flags: '--completed', help: 'its run has completed' },
      { flags: '--healthy', help: 'nothing is found to be lost in its run (sweep health)' },
      { flags: '--no-warnings', help: 'nothing at all is found in its run' },
      { flags: '--tag <key[=value]>', help: 'the version has this tag; may be repeated', repeat: true },
      { flags: '--staged', help: 'it stands in staging' },
      {
        flags: '--recorded <what>',
        help: 'known of it: signature, framework, commit, clean-commit, data-version; may be repeated',
        repeat: true,
      },
      { flags: '--remove <gate>', help: 'remove the gate of this number; may be repeated', repeat: true },
    ],
  },
]
