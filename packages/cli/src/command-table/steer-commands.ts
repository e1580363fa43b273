import { type CommandEntry, STEER } from './command-entry.ts'

export const STEER_COMMANDS: readonly CommandEntry[] = [
  ...(['pause', 'resume', 'stop', 'cancel'] as const).map(
    (action): CommandEntry => ({
      name: action,
      args: '<sweep>',
      group: STEER,
      completes: 'sweep',
      summary: {
        pause: 'start no new trials; running ones finish',
        resume: 'start trials again',
        stop: 'end the sweep once the running trials have finished',
        cancel: 'end the sweep now and kill its trials',
      }[action],
    }),
  ),
  {
    name: 'edit',
    args: '<sweep>',
    group: STEER,
    completes: 'sweep',
    summary: 'change parallelism, priority or budget while it runs',
    more: '  "none" lifts a limit: sweep edit @last --parallelism none',
    options: [
      { flags: '--parallelism <count>', help: 'trials at once' },
      { flags: '--priority <weight>', help: 'share of the slots: 2 gets twice those of 1' },
      { flags: '--trials <count>', help: 'trials in all' },
      { flags: '--time <duration>', help: 'no new trial after this long' },
      { flags: '--gpu-hours <hours>', help: 'GPU-hours in all' },
    ],
  },
  {
    name: 'enqueue',
    args: '<sweep>',
    group: STEER,
    completes: 'sweep',
    summary: 'run this config next',
    more: '  sweep enqueue @last -p lr=3e-4 -p optimizer=adam',
    options: [
      { flags: '-p, --param <name=value>', help: 'a parameter and its value; may be repeated', repeat: true },
      { flags: '--repeat', help: 'also when the config has been run before' },
    ],
  },
]
