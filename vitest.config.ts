import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { testGroups } from './scripts/support/testGroups.mjs';

/** Takes minutes in one process; begun last, it would leave the other cores idle. */
const LONGEST = 'tests/golden.test.ts';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification) => moduleId.endsWith(LONGEST);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

const groups = testGroups(fileURLToPath(new URL('.', import.meta.url)));

export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: [...groups.unit], setupFiles: ['tests/support/noDevice.ts'] },
      },
      { extends: true, test: { name: 'gpu', include: [...groups.gpu] } },
    ],
    // One process with one GPU device per file: two cores do not gain from more, and a device is not free.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
