import type { HELP_TOPICS } from './command-line.ts'
import { EXIT_CODE_HELP } from './exit-codes.ts'
import { OUTPUT_FORMATS } from './output.ts'

function exitCodesTopic(): string {
  return `Exit codes of sweep\n\n${EXIT_CODE_HELP.map(
    ([code, name, meaning]) => `  ${String(code).padStart(3)}  ${name.padEnd(14)} ${meaning}\n`,
  ).join('')}`
}

function parametersTopic(): string {
  return `Parameters of sweep run: -p NAME=SPEC

  lr=1e-5..1e-1:log     from 1e-5 to 1e-1, on a log scale
  layers=2..8           whole numbers from 2 to 8
  dropout=0..0.5        numbers from 0 to 0.5
  batch=16..256:x2      16, 32, 64, 128, 256
  alpha=0..0.5:step=.1  0, 0.1, 0.2, 0.3, 0.4, 0.5
  opt=adam,sgd          one of these
  epochs=20             always this

  The command gets --NAME=VALUE for each, or the value where it says {NAME}:
  sweep run -p lr=1e-5..1e-1:log --min loss -- python train.py --rate {lr}
`
}

function outputTopic(): string {
  return `Output of sweep

  Data goes to stdout, talk to stderr. -o takes ${OUTPUT_FORMATS.join(', ')};
  --json is -o json, SWEEP_OUTPUT sets the default.

  A table on a terminal fits its width; "wide" shows every column. A table that
  is piped is tab-separated with a header line, and nothing is cut off. "name"
  prints ids only: sweep ls -o name --state running | xargs -n1 sweep pause

  With JSON, errors are one JSON object on stderr: {code, message, hint}.
`
}

export function helpTopic(topic: (typeof HELP_TOPICS)[number]): string {
  switch (topic) {
    case 'exit-codes':
      return exitCodesTopic()
    case 'parameters':
      return parametersTopic()
    case 'output':
      return outputTopic()
  }
}
