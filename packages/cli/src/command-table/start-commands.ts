import { type CommandEntry, type OptionEntry, START } from './command-entry.ts'

const AFTER: readonly OptionEntry[] = [
  { flags: '--watch', help: 'draw a live table until it ends' },
  { flags: '--wait', help: 'wait quietly until it ends; the exit code tells how' },
]

export const START_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    args: '[command...]',
    group: START,
    summary: 'sweep over a command in one shot, print the best one',
    more: `  sweep run -p lr=1e-5..1e-1:log -p opt=adam,sgd --min val_loss -n 50 -- python train.py

  SPEC of -p is a range (1e-5..1e-1:log, 2..8, 16..256:x2, 0..0.5:step=.1),
  values (adam,sgd) or one constant. Values go to the command as --NAME=VALUE,
  or to where it says {NAME}.`,
    options: [
      { flags: '-p, --param <name=spec>', help: 'a parameter and its values; may be repeated', repeat: true },
      { flags: '--min <metric>', help: 'metric to minimize' },
      { flags: '--max <metric>', help: 'metric to maximize' },
      { flags: '-n, --trials <count>', help: 'how many trials (default 20)' },
      { flags: '--time <duration>', help: 'no new trial after this long' },
      { flags: '--parallelism <count>', help: 'trials at once' },
      { flags: '--trial-gpus <count>', help: 'GPUs a trial takes' },
      { flags: '--grid', help: 'every combination instead of random ones' },
      { flags: '--asha', help: 'stop bad trials early, by the step of their reports' },
      { flags: '--seed <seed>', help: 'draw the same configs again' },
      { flags: '--name <name>', help: 'name of the sweep' },
      { flags: '--no-snapshot', help: 'upload no code: trials run in the folder itself, on every host' },
      { flags: '--dry-run', help: 'print the sweep file and do nothing' },
      { flags: '--detach', help: 'create it and return' },
    ],
  },
  {
    name: 'create',
    args: '<file>',
    group: START,
    completes: 'file',
    summary: 'create a sweep from a YAML file ("-": standard input)',
    options: [
      ...AFTER,
      { flags: '--set <key=value>', help: 'replace a value of the file, such as run_cap=5', repeat: true },
      { flags: '--workdir <folder>', help: "where trials run (default: the file's folder)" },
      { flags: '--no-snapshot', help: 'upload no code: trials run in the folder itself, on every host' },
      { flags: '--dry-run', help: 'check the file and do nothing' },
    ],
  },
  {
    name: 'validate',
    args: '[file]',
    group: START,
    completes: 'file',
    summary: 'check a sweep file; needs no server',
    options: [
      { flags: '--schema', help: 'print the JSON schema of sweep files, for editors' },
      { flags: '--set <key=value>', help: 'replace a value of the file first', repeat: true },
    ],
  },
  {
    name: 'demo',
    group: START,
    summary: 'sweep a small real training, from nothing to the best config',
    options: [{ flags: '--keep', help: 'leave the server running afterwards' }],
  },
]
