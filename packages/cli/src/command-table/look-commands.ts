import { IMPORTANCE_METHODS } from '@sweep/spec/importance-methods'
import { type CommandEntry, LOOK } from './command-entry.ts'

export const LOOK_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'ls',
    group: LOOK,
    summary: 'list sweeps, the newest first',
    options: [
      { flags: '--state <state>', help: 'only those in this state; may be repeated', repeat: true },
      { flags: '--limit <count>', help: 'at most so many (default 100)' },
    ],
  },
  {
    name: 'get',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'show one sweep',
    options: [{ flags: '--source', help: 'print its YAML' }],
  },
  {
    name: 'watch',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'draw a live table; Ctrl-C only stops watching',
  },
  {
    name: 'wait',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'wait until it has ended, or until a value is reached',
    options: [
      { flags: '--for <condition>', help: '`done` (default), `running`, `paused`, or such as best<0.2' },
      { flags: '--timeout <duration>', help: 'give up after this long, with exit code 6' },
    ],
  },
  {
    name: 'leaderboard',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'its trials, the best first',
    options: [
      { flags: '-k, --limit <count>', help: 'at most so many (default 20; all of them with --all)' },
      { flags: '--all', help: 'every trial' },
      { flags: '--trials', help: 'single trials also where each config has several seeds' },
      { flags: '--state <state>', help: 'only trials in this state; may be repeated', repeat: true },
    ],
  },
  {
    name: 'best',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'its best trial and config, or its whole Pareto front',
    options: [{ flags: '--command', help: 'print the command line that runs the best config by hand' }],
  },
  {
    name: 'importance',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'how much each parameter matters, and whether to trust it',
    options: [
      { flags: '--metric <name>', help: 'for this objective (default: the first)' },
      {
        flags: '--method <method>',
        help: `${IMPORTANCE_METHODS.join(', ')} (default fanova)`,
        choices: IMPORTANCE_METHODS,
      },
    ],
  },
  {
    name: 'compare',
    args: '<run...>',
    group: LOOK,
    completes: 'trial',
    summary: 'runs or trials side by side: what differs, which is best',
    more: `  A run is written by its id, a trial SWEEP/NUMBER: sweep compare @last/3 @last/17`,
    options: [
      { flags: '--min <metric>', help: 'the lower this metric, the better (default: as the experiment says)' },
      { flags: '--max <metric>', help: 'the higher this metric, the better' },
      { flags: '--last', help: 'judge by the newest value, not by the best there was' },
      { flags: '--all', help: 'also parameters that are the same in all' },
    ],
  },
  {
    name: 'runs ls',
    group: LOOK,
    summary: 'find runs and trials by what they are and have measured',
    more: `  sweep runs ls --filter 'metrics.val_loss < 0.3 and params.optimizer = "adam"' \\
    --order 'metrics.val_loss' --columns 'metrics.val_loss, params.lr'

  Fields: metrics.NAME, min(metrics.NAME), max(...), params.NAME, tags.NAME,
  status, name, group, experiment, project, sweep, trial, created, started,
  ended, duration, ...; odd names in back-quotes. Operators: = != < <= > >=,
  in (...), like, contains, exists, missing; and, or, not, parentheses.`,
    options: [
      { flags: '--filter <filter>', help: 'only runs that it means' },
      { flags: '--order <fields>', help: "such as 'metrics.val_loss, created desc' (default: newest first)" },
      { flags: '--columns <fields>', help: "what to show of each, such as 'metrics.*, params.lr'" },
      { flags: '--experiment <name>', help: 'of this experiment or sweep, by id or name' },
      { flags: '--project <name>', help: 'of this project' },
      { flags: '--limit <count>', help: 'at most so many (default 50)' },
    ],
  },
  {
    name: 'confirm',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'run its best configs again with fresh seeds: was it luck?',
    more: `  sweep confirm @last --top 3 --seeds 5 --metric test_acc

  The runs are a sweep of their own. Of such a sweep, it waits for the runs and
  says what they came to.`,
    options: [
      { flags: '--top <count>', help: 'how many configs, the best first (default 3)' },
      { flags: '--seeds <count>', help: 'runs of each (default 5)' },
      { flags: '--metric <name>', help: 'judge by this metric, such as one of held-out data' },
      { flags: '--goal <goal>', help: 'of that metric', choices: ['minimize', 'maximize'] },
      { flags: '--detach', help: 'start the runs and return' },
    ],
  },
  {
    name: 'report',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'everything a sweep has come to, as text or as one page',
    options: [
      { flags: '--html [file]', help: 'a page for a browser (default sweep-ID.html; "-": standard output)' },
      { flags: '--md [file]', help: 'Markdown (default: standard output)' },
    ],
  },
  {
    name: 'health',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'what the metrics of its trials show to be wrong',
    options: [{ flags: '--all', help: 'also what was found and holds no more' }],
  },
  {
    name: 'why',
    args: '<sweep> [number]',
    group: LOOK,
    completes: 'trial',
    summary: 'explain a sweep or trial: suggestion, prune, retry, wait',
  },
  {
    name: 'facts',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'everything that happened to a sweep, in order',
    options: [
      { flags: '--after <seq>', help: 'only facts after this number' },
      { flags: '--kind <kind>', help: 'only facts of this kind; may be repeated', repeat: true },
    ],
  },
  {
    name: 'replay',
    args: '<sweep>',
    group: LOOK,
    completes: 'sweep',
    summary: 'check its decisions; say what other pruners would have saved',
    more: `  sweep replay @last --early-terminate
  sweep replay @last --early-terminate asha,eta=4 --early-terminate median

  A pruner is written NAME,KEY=VALUE,... with the keys of early_terminate in
  sweep files, or as such a map in YAML or JSON; "none" stops no trial. Without
  any, the usual ones are compared. A method can only choose among the configs
  that were tried.`,
    options: [
      { flags: '--early-terminate [pruner]', help: 'play its curves under this pruner; may be repeated', repeat: true },
      { flags: '--early-terminate-file <file>', help: 'under one in a YAML file ("-": standard input)', repeat: true },
      { flags: '--method <method>', help: 'how soon it would have come to the best; may be repeated', repeat: true },
      { flags: '--top <count>', help: 'how many of the best trials count as good (default 5)' },
    ],
  },
  {
    name: 'diff',
    args: '<trial> <other>',
    group: LOOK,
    completes: 'trial',
    summary: 'two trials side by side: config, code, environment, outcome',
    more: '  sweep diff @last/17 @last/3',
  },
]
