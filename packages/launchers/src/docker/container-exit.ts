import type { Exit } from '../launcher.ts'
import { exitFromCode } from '../process/exit-from-code.ts'

/** The part of a container's state that tells how it ended (`GET /containers/:id/json`). */
export interface EndedState {
  readonly ExitCode: number
  readonly OOMKilled: boolean
}

export interface ExitFacts {
  readonly image: string
  /** We sent it a signal. */
  readonly isOurs: boolean
  /** The engine went away meanwhile, and takes its containers along when it does. */
  readonly endedWithEngine: boolean
  /** It was sent a signal that ends programs, by the engine or through it, though not by us. */
  readonly wasTold: boolean
  /** The last line that the container printed. */
  readonly lastLine: string | undefined
}

/** What `docker-init`, the first process of every container, prints when it can't start the program. */
const INIT_FAILED = /^\[FATAL tini \(\d+\)\] exec (.+) failed: (.+)$/

/** How a container ended. */
export function containerExit({ ExitCode, OOMKilled }: EndedState, facts: ExitFacts): Exit {
  const exit = { ...exitFromCode(ExitCode), outOfMemory: OOMKilled && ExitCode !== 0 && !facts.isOurs }
  if (facts.isOurs || exit.outOfMemory) return exit
  if (facts.endedWithEngine) {
    return failed(
      exit,
      'node-fault',
      'The Docker engine was stopped or restarted, and took the container down with it.',
    )
  }
  // Also where the program has ended well then: it has not come to its end.
  if (facts.wasTold) {
    const by = 'docker stop, kill or rm, or because the Docker engine was stopped or restarted'
    return failed(exit, 'node-fault', `The container was told to end from outside of sweep: by ${by}.`)
  }
  const [, program, reason] = INIT_FAILED.exec(facts.lastLine ?? '') ?? []
  if (program !== undefined && (ExitCode === 126 || ExitCode === 127)) {
    const what = `The program "${program}" can't be started in the image ${facts.image}: ${reason}.`
    return failed(exit, 'bad-command', `${what} Check the command and the image; PATH is that of the image.`)
  }
  if (exit.signal === 'SIGTERM' || exit.signal === 'SIGKILL') {
    const by = `The container was ended by ${exit.signal} from outside of sweep: docker stop, kill or rm, or the host running out of memory.`
    return failed(exit, 'node-fault', by)
  }
  return exit
}

/** Of a container that the engine does not know any more, though nobody of us has removed it. */
export const REMOVED: Exit = {
  code: null,
  signal: null,
  outOfMemory: false,
  failure: {
    cause: 'node-fault',
    message: 'The container is gone: somebody removed it (docker rm), or the data of the engine was lost.',
  },
}

function failed(exit: Exit, cause: 'node-fault' | 'bad-command', message: string): Exit {
  return { ...exit, failure: { cause, message } }
}
