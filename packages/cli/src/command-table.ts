import { IMPORTANCE_METHODS } from '@sweep/spec/importance-methods'

export interface OptionEntry {
  /** As commander writes it: `-n, --trials <count>`. */
  readonly flags: string
  readonly help: string
  /** May be given several times. */
  readonly repeat?: boolean
  readonly choices?: readonly string[]
}

/** What an argument names, for completion. */
export type Completes = 'sweep' | 'trial' | 'file' | 'shell' | 'topic'

export interface CommandEntry {
  /** Words as typed: `trial logs`. */
  readonly name: string
  /** As commander writes them: `<sweep> [number]`. */
  readonly args?: string
  readonly summary: string
  /** Further lines for the command's own help. */
  readonly more?: string
  readonly group: string
  readonly options?: readonly OptionEntry[]
  readonly completes?: Completes
}

const LOCAL = 'On this machine'
const START = 'Start a sweep'
const LOOK = 'Look'
const STEER = 'Steer'
const RUN_BY = 'Agents and access'
const HELP = 'Help'

/** Groups of commands that share their first word. */
export const COMMAND_GROUPS: readonly (readonly [name: string, summary: string])[] = [
  ['server', 'start, stop or look at the local server'],
  ['trial', 'look at single trials and steer them'],
  ['runs', 'find runs of experiments and sweeps'],
  ['agent', 'run trials on this machine, list and drain agents'],
  ['token', 'create, list and revoke tokens'],
  ['webhook', 'tell other programs, or Slack, what happens'],
]

const SLOTS: readonly OptionEntry[] = [
  { flags: '--slots <count>', help: 'trials to run at once (default: one a GPU, else one for two cores)' },
  { flags: '--gpus <indices>', help: 'GPUs to use, such as 0,1 (one slot each), or none' },
]
const START_SERVER: readonly OptionEntry[] = [
  ...SLOTS,
  { flags: '--port <port>', help: 'port to listen on, 0 for a free one (default 4600)' },
]
const AFTER: readonly OptionEntry[] = [
  { flags: '--watch', help: 'draw a live table until it ends' },
  { flags: '--wait', help: 'wait quietly until it ends; the exit code tells how' },
]
const TRIAL_ARGS = '<trial> [number]'
const TRIAL_MORE = 'A trial is written SWEEP/NUMBER, or SWEEP NUMBER: sweep trial get @last/17'

/** Every command, as help, completion and the command line see it. What runs them stands in `load-command.ts`. */
export const COMMANDS: readonly CommandEntry[] = [
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
  {
    name: 'server start',
    group: LOCAL,
    summary: 'start the local server and its agent in the background',
    options: [
      ...START_SERVER,
      { flags: '--no-agent', help: 'server only: run no trials' },
      { flags: '--foreground', help: 'stay attached and log here' },
    ],
  },
  {
    name: 'server stop',
    group: LOCAL,
    summary: 'stop the local server; sweeps go on when it starts again',
  },
  {
    name: 'server status',
    group: LOCAL,
    summary: 'say whether the local server runs, and where',
  },
  {
    name: 'agent start',
    group: RUN_BY,
    summary: 'run trials on this machine for a server, in the foreground',
    options: [
      ...SLOTS,
      { flags: '--slots-per-gpu <count>', help: 'trials that share each GPU (default 1)' },
      { flags: '--launchers <names>', help: 'process,docker (default: what answers here), or kubernetes' },
      { flags: '--kubeconfig <file>', help: 'cluster of --launchers kubernetes (default: the one it runs in)' },
      { flags: '--name <name>', help: 'name of the agent (default: the host)' },
      { flags: '--queue <name>', help: 'queue to serve; may be repeated', repeat: true },
      { flags: '--labels <labels>', help: 'what sweeps may require, such as zone=b,disk=ssd' },
    ],
  },
  {
    name: 'agent ls',
    group: RUN_BY,
    summary: 'list agents',
  },
  {
    name: 'agent drain',
    args: '<agent>',
    group: RUN_BY,
    summary: 'give an agent no more trials',
  },
  {
    name: 'token create',
    args: '[name]',
    group: RUN_BY,
    summary: 'create a token; it is shown once',
    options: [
      { flags: '--kind <kind>', help: '`user` for people, `join` for agents', choices: ['user', 'join'] },
      { flags: '--role <role>', help: 'what it may do', choices: ['viewer', 'operator', 'admin'] },
      { flags: '--join', help: 'short for --kind join' },
      { flags: '--queues <names>', help: 'of a join token: the queues its agents may serve, such as a100,h100' },
      { flags: '--uses <count>', help: 'of a join token: how many agents may join with it' },
      { flags: '--expires <duration>', help: 'good for this long (a join token: 1h when absent)' },
    ],
  },
  {
    name: 'token ls',
    group: RUN_BY,
    summary: 'list tokens, without their secrets',
  },
  {
    name: 'token revoke',
    args: '<token>',
    group: RUN_BY,
    summary: 'make a token useless',
  },
  {
    name: 'runs sync',
    args: '[folder]',
    group: LOCAL,
    completes: 'file',
    summary: 'send what tracked programs have left on this disk',
    more: `  Without a folder, what programs of this machine could not send; with one, the
  runs in it, also from another machine. Each goes to the server that it was
  for, unless --server names another.`,
  },
  {
    name: 'webhook add',
    args: '<url>',
    group: RUN_BY,
    summary: 'send what happens from now on to an address, signed',
    options: [
      { flags: '--name <name>', help: 'what people call it' },
      { flags: '--kind <kind>', help: 'only events of this kind, such as sweep.ended; may be repeated', repeat: true },
      { flags: '--project <name>', help: 'only of this project' },
      { flags: '--sweep <sweep>', help: 'only of this sweep' },
      { flags: '--slack', help: 'as messages that Slack and its like show' },
      { flags: '--above <bound>', help: 'when a metric of a run first rises above, as in acc=0.95', repeat: true },
      { flags: '--below <bound>', help: 'when a metric of a run first falls below, as in loss=0.1', repeat: true },
    ],
  },
  {
    name: 'webhook ls',
    group: RUN_BY,
    summary: 'list webhooks, without their secrets',
  },
  {
    name: 'webhook rm',
    args: '<webhook>',
    group: RUN_BY,
    summary: 'remove a webhook',
  },
  {
    name: 'webhook test',
    args: '<webhook>',
    group: RUN_BY,
    summary: 'send a test event now, and say what came back',
  },
  {
    name: 'webhook dead',
    args: '<webhook>',
    group: RUN_BY,
    summary: 'events that could not be delivered',
    options: [{ flags: '--redeliver', help: 'send them once more, in their order' }],
  },
  {
    name: 'doctor',
    group: LOCAL,
    summary: 'check this machine and the server, with fixes',
  },
  {
    name: 'completion',
    args: '<shell>',
    group: HELP,
    completes: 'shell',
    summary: 'print the completion script for bash, zsh or fish',
    more: `  bash:  eval "$(sweep completion bash)"
  zsh:   eval "$(sweep completion zsh)"
  fish:  sweep completion fish | source`,
  },
  {
    name: 'version',
    group: HELP,
    summary: 'print the version',
  },
]

export const GLOBAL_OPTIONS: readonly OptionEntry[] = [
  { flags: '-o, --output <format>', help: 'table, wide, json, jsonl, yaml, csv or name' },
  { flags: '--json', help: 'the same as -o json' },
  { flags: '--server <url>', help: 'address of the server (default SWEEP_URL or local)' },
  { flags: '--token <token>', help: 'token for it (default SWEEP_TOKEN)' },
  { flags: '-q, --quiet', help: 'no talk on stderr but warnings and errors' },
  { flags: '--debug', help: 'show where an error came from' },
  { flags: '--no-color', help: 'no colours' },
  { flags: '--yes', help: 'answer yes to every question' },
]
