import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const alias = [{ find: /^graphql$/, replacement: 'graphql/index.js' }];

/** Files that take minutes: begun last, one of them would go on when all others are done. */
const long = /(lake-kills|topic-kills|process\.e2e|engine-kills|architecture)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { yes = [], no = [] } = Object.groupBy(await super.sort(files), (file) =>
      long.test(file.moduleId) ? 'yes' : 'no',
    );
    return [...yes, ...no];
  }
}

export default defineConfig({
  resolve: { alias },
  test: {
    reporters: ['default'],
    // Each file has servers and processes of its own at work: a third at a time keeps the other two waiting, and is no sooner done.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/architecture.test.ts'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/testkit/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/testkit/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
