import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './server.ts'

/** Whether an installation is asked for: it builds the image, and pulls three or needs those of images/make-service-images.sh. */
export const isComposeAsked = process.env['SWEEP_TEST_COMPOSE'] === '1'

/** The command that reads docker-compose.yml on this machine: the old one on its own, or the engine's plugin. */
export function composeCommand(): readonly string[] | undefined {
  for (const command of [['docker-compose'], ['docker', 'compose']]) {
    const [program = '', ...words] = command
    try {
      execFileSync(program, [...words, 'version'], { stdio: 'ignore' })
      return command
    } catch {
      // The other, perhaps.
    }
  }
  if (isComposeAsked || process.env['SWEEP_REQUIRE_ALL'] === '1') throw new Error(WITHOUT_COMPOSE)
  return undefined
}

export const WITHOUT_COMPOSE = 'skipped without docker-compose: apt-get install docker.io docker-compose'

/** An installation of its own by docker-compose.yml, as the README tells people to start it. */
export class ComposeProject {
  readonly port: number
  readonly #command: readonly string[]
  readonly #name: string

  constructor(command: readonly string[], port: number) {
    this.#command = command
    this.#name = `sweep-test-${process.pid}`
    this.port = port
  }

  /** Runs a compose command to its end. */
  async run(...args: readonly string[]): Promise<{ status: number | null; output: string }> {
    const [program = '', ...words] = this.#command
    const child = spawn(program, [...words, '-p', this.#name, '-f', join(ROOT, 'docker-compose.yml'), ...args], {
      cwd: ROOT,
      // Builders from before BuildKit must do.
      env: {
        ...process.env,
        SWEEP_PORT: String(this.port),
        // Any that is free.
        SWEEP_GRPC_PORT: '0',
        DOCKER_BUILDKIT: '0',
        COMPOSE_DOCKER_CLI_BUILD: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { status, output }
  }

  async remove(): Promise<void> {
    await this.run('down', '--volumes', '--timeout', '5')
  }
}
