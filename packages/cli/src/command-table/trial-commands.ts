import { type CommandEntry, LOOK } from './command-entry.ts'

const TRIAL_ARGS = '<trial> [number]'
const TRIAL_MORE = 'A trial is written SWEEP/NUMBER, or SWEEP NUMBER: sweep trial get @last/17'

export const TRIAL_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'trial ls',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'list the trials of a sweep, in the order they were issued',
    options: [{ flags: '--state <state>', help: 'only trials in this state; may be repeated', repeat: true }],
  },
  {
    name: 'trial get',
    args: TRIAL_ARGS,
    group: LOOK,
    completes: 'trial',
    summary: 'show one trial and its attempts',
    more: TRIAL_MORE,
  },
  {
    name: 'trial logs',
    args: TRIAL_ARGS,
    group: LOOK,
    completes: 'trial',
    summary: 'print what a trial printed',
    more: TRIAL_MORE,
    options: [
      { flags: '-f, --follow', help: 'go on until it ends' },
      { flags: '--attempt <number>', help: 'of this attempt (default: the newest)' },
    ],
  },
  {
    name: 'trial artifacts',
    args: TRIAL_ARGS,
    group: LOOK,
    completes: 'trial',
    summary: 'list or fetch the files that a trial left in artifacts/',
    more: TRIAL_MORE,
    options: [{ flags: '--download <folder>', help: 'fetch them all into this folder' }],
  },
  {
    name: 'trial repro',
    args: TRIAL_ARGS,
    group: LOOK,
    completes: 'trial',
    summary: 'run a trial again here and say how far it is from the record',
    more: TRIAL_MORE,
    options: [
      { flags: '--dir <folder>', help: 'new folder for its code and run (default: ./repro-SWEEP-NUMBER)' },
      { flags: '--in-folder', help: "run in the sweep's own folder instead of a copy of its code" },
      { flags: '--tolerance <share>', help: 'exit code 1 when the metric is off by more, such as 0.01' },
      { flags: '--dry-run', help: 'check and print what it would do' },
    ],
  },
  ...(['stop', 'prune', 'cancel', 'retry'] as const).map(
    (action): CommandEntry => ({
      name: `trial ${action}`,
      args: TRIAL_ARGS,
      group: LOOK,
      completes: 'trial',
      summary: {
        stop: 'end a trial now; what it reported counts',
        prune: 'end a trial now, as the pruner would',
        cancel: 'kill a trial; it counts for nothing',
        retry: 'run a failed or cancelled trial once more',
      }[action],
      more: TRIAL_MORE,
    }),
  ),
]
