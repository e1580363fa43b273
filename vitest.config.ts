import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Whole systems first: those tests take a minute or more, and one that is begun last keeps everybody waiting. Without a
 * cache, as on a clean clone, vitest goes by the size of files, which says nothing of them.
 */
class WholeSystemsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isWhole = ({ moduleId }: TestSpecification) =>
      /\/test\/e2e\/|\/launchers\/src\/(docker|kubernetes)\//.test(moduleId)
    return [...sorted.filter(isWhole), ...sorted.filter((file) => !isWhole(file))]
  }
}

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Real processes and a real Postgres on two busy cores: the limit catches what hangs, not what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most tests wait for processes of their own; a single worker would leave the cores idle.
    maxWorkers: 2,
    sequence: { sequencer: WholeSystemsFirst },
  },
})
