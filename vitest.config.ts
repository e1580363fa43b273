import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** They take turns at the one cluster, and a file that waits for its turn keeps a worker from the others. */
const OF_CLUSTER =
  /\/(test\/e2e\/(kubernetes|sweep-resources)|launchers\/src\/kubernetes\/(private-image|kubernetes-launcher))\.test\.ts$/
const OF_WHOLE_SYSTEMS = /\/test\/e2e\/|\/launchers\/src\/(docker|kubernetes)\//
/** Files begun between two of the cluster. */
const BETWEEN = 100

/**
 * Whole systems first: those tests take a minute or more, and one that is begun last keeps everybody waiting. Without a
 * cache, as on a clean clone, vitest goes by the size of files, which says nothing of them.
 */
class WholeSystemsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isOfCluster = ({ moduleId }: TestSpecification) => OF_CLUSTER.test(moduleId)
    const isWhole = ({ moduleId }: TestSpecification) => OF_WHOLE_SYSTEMS.test(moduleId)
    const [longest, ...ofCluster] = sorted.filter(isOfCluster).sort((a, b) => rank(a) - rank(b))
    const others = sorted.filter((file) => !isOfCluster(file))
    // Those that share a process come together: a file of another kind in between ends the process.
    const parts = others.filter((file) => !isWhole(file)).sort((a, b) => Number(isShared(a)) - Number(isShared(b)))
    return [
      ...(longest === undefined ? [] : [longest]),
      ...others.filter(isWhole),
      ...ofCluster.flatMap((file, index) => [file, ...parts.slice(index * BETWEEN, (index + 1) * BETWEEN)]),
      ...parts.slice(ofCluster.length * BETWEEN),
    ]
  }
}

function isShared({ project }: TestSpecification): boolean {
  return project.config.isolate === false
}

/** The one that takes five minutes comes first. */
function rank({ moduleId }: TestSpecification): number {
  return moduleId.endsWith('/test/e2e/kubernetes.test.ts') ? 0 : 1
}

/** Tests of a part leave nothing behind in their process, so the next file finds the modules loaded. */
const OF_PARTS = ['packages/!(launchers)/src/**/*.test.ts', 'services/api/src/**/*.test.ts', 'test/bench/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'parts', include: OF_PARTS, isolate: false } },
      {
        extends: true,
        test: {
          name: 'systems',
          include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: OF_PARTS,
          // One that kills its server waits for leases of 30 seconds, more than once.
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
    globalSetup: ['test/support/global-setup.ts'],
    // Real processes and a real Postgres on two busy cores: the limit catches what hangs, not what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most tests wait for processes of their own; a worker for each core would leave the cores idle.
    maxWorkers: 5,
    sequence: { sequencer: WholeSystemsFirst },
  },
})
