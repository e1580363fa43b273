import { TRANSFER_FORMATS } from '@sweep/spec/transfer-formats'
import { type CommandEntry, RUN_BY } from './command-entry.ts'

export const PROJECT_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'project export',
    args: '<project>',
    group: RUN_BY,
    summary: 'write a whole project into a file or folder',
    more: `  sweep project export vision --out vision.tar.gz
  sweep project export vision --out vision --format parquet

  Experiments, runs, every point, every version of every file. A file may be
  called .tar, .tar.gz or .tgz; anything else is a folder.`,
    options: [
      { flags: '--out <path>', help: 'where to (default: NAME.tar.gz here)' },
      { flags: '--format <format>', help: 'of its tables (default jsonl)', choices: TRANSFER_FORMATS },
      { flags: '--no-files', help: 'leave out the files of runs' },
    ],
  },
  {
    name: 'project import',
    args: '<path>',
    group: RUN_BY,
    completes: 'file',
    summary: 'make a project of what export has written, whole or not at all',
    options: [{ flags: '--name <name>', help: 'of the new project (default: the one it had)' }],
  },
  {
    name: 'project ls',
    group: RUN_BY,
    summary: 'list projects',
  },
  {
    name: 'project policy',
    args: '<project>',
    group: RUN_BY,
    summary: 'show or set how long runs, points and deleted runs are kept',
    more: `  sweep project policy vision --archive-after 30 --keep-best 5 --whole-for 90
  sweep project policy vision --archive-after never`,
    options: [
      { flags: '--archive-after <days>', help: 'put runs away that are over for so long, or never' },
      { flags: '--keep-best <count>', help: 'but not the best so many of each experiment' },
      { flags: '--keep-recent <count>', help: 'nor the newest so many' },
      { flags: '--whole-for <days>', help: 'thin out points of runs that are over for so long, or never' },
      { flags: '--buckets <count>', help: 'to so many buckets for each metric (default 500)' },
      { flags: '--whole-best <count>', help: 'but not those of the best so many of each experiment (default 10)' },
      { flags: '--min <metric>', help: 'the lower this, the better a run, where its experiment has no metric' },
      { flags: '--max <metric>', help: 'the higher this, the better' },
      { flags: '--purge-after <days>', help: 'remove deleted runs for good so long after, or never' },
    ],
  },
  {
    name: 'project retention',
    args: '<project>',
    group: RUN_BY,
    summary: 'what its policy would archive, thin out and purge now',
    options: [
      { flags: '--dry-run', help: 'only say what would be done; so it is without --apply' },
      { flags: '--apply', help: 'do it now, not within the hour' },
      { flags: '--history', help: 'show what was done instead' },
      { flags: '--limit <count>', help: 'list at most so many runs (default 50)' },
    ],
  },
]
