import { type CommandEntry, HELP, type OptionEntry } from './command-table/command-entry.ts'
import { HOST_COMMANDS } from './command-table/host-commands.ts'
import { LOOK_COMMANDS } from './command-table/look-commands.ts'
import { MODEL_COMMANDS } from './command-table/model-commands.ts'
import { PROJECT_COMMANDS } from './command-table/project-commands.ts'
import { START_COMMANDS } from './command-table/start-commands.ts'
import { STEER_COMMANDS } from './command-table/steer-commands.ts'
import { TRIAL_COMMANDS } from './command-table/trial-commands.ts'

/** Groups of commands that share their first word. */
export const COMMAND_GROUPS: readonly (readonly [name: string, summary: string])[] = [
  ['server', 'start, stop or look at the local server'],
  ['trial', 'look at single trials and steer them'],
  ['runs', 'find runs of experiments and sweeps'],
  ['project', 'projects: what is kept of them, export and import'],
  ['model', 'register models, promote them past gates, go back'],
  ['agent', 'run trials on this machine, list and drain agents'],
  ['token', 'create, list and revoke tokens'],
  ['webhook', 'tell other programs, or Slack, what happens'],
]

/** Every command, as help, completion and the command line see it. What runs them stands in `load-command.ts`. */
export const COMMANDS: readonly CommandEntry[] = [
  ...START_COMMANDS,
  ...LOOK_COMMANDS,
  ...TRIAL_COMMANDS,
  ...MODEL_COMMANDS,
  ...STEER_COMMANDS,
  ...PROJECT_COMMANDS,
  ...HOST_COMMANDS,
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
