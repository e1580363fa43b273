import { type CommandEntry, LOCAL, type OptionEntry, RUN_BY } from './command-entry.ts'

const SLOTS: readonly OptionEntry[] = [
  { flags: '--slots <count>', help: 'trials to run at once (default: one a GPU, else one for two cores)' },
  { flags: '--gpus <indices>', help: 'GPUs to use, such as 0,1 (one slot each), or none' },
]
const START_SERVER: readonly OptionEntry[] = [
  ...SLOTS,
  { flags: '--port <port>', help: 'port to listen on, 0 for a free one (default 4600)' },
]

export const HOST_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'server start',
    group: LOCAL,
    summary: 'start the local server and its agent in the background',
    options: [
      ...START_SERVER,
      { flags: '--grpc-port <port>', help: 'serve the tracking API over gRPC too, on this port' },
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
      {
        flags: '--claim <way>',
        help: 'how to hear of work: auto (from the queue where the server offers it), or http',
        choices: ['auto', 'http'],
      },
      {
        flags: '--keep-runs <limit>',
        help: 'run folders of ended trials: 14d, 200GB, "14d,200GB" or forever (default 30d)',
      },
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
    name: 'webhook update',
    args: '<webhook>',
    group: RUN_BY,
    summary: 'change the name, the address or the kinds of a webhook; its secret and its place stay',
    options: [
      { flags: '--name <name>', help: 'what people call it' },
      { flags: '--url <url>', help: 'where it sends to; tried at once' },
      { flags: '--kind <kind>', help: 'only events of this kind from now on; may be repeated', repeat: true },
      { flags: '--all-kinds', help: 'events of every kind' },
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
]
