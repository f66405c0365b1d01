// The golden topics as tests, where their folder lies next to the project, of the longest a sample;
// `npm run test:conformance` runs them whole and prints more.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { RunTopic } from './conformance/topic';

const GOLDEN = path.resolve(process.env.NNSTUDIO_GOLDEN ?? '../shared/golden');
const TIMEOUT_MS = 15 * 60_000;
/** Take long on a software adapter. `npm run test:conformance` has them. */
const LONG_TOPICS: readonly string[] = ['checkpoint', 'many_classes', 'onnx', 'overfit', 'training_f16'];

const topics = Object.entries(import.meta.glob<{ run?: RunTopic }>('./conformance/*.ts'))
  .map(([file, load]) => ({ topic: path.basename(file, '.ts'), load }))
  .filter(({ topic }) => topic !== 'topic' && !LONG_TOPICS.includes(topic));

test.skipIf(!existsSync(GOLDEN)).for(topics)(
  '$topic agrees with nnU-Net',
  { timeout: TIMEOUT_MS },
  async ({ topic, load }) => {
    const { run } = await load();
    if (!run) throw new Error(`tests/conformance/${topic}.ts exports no run`);
    const { passed, total, lines } = await run(GOLDEN, () => undefined, 'sample');
    expect(total).toBeGreaterThan(0);
    expect(passed, lines.join('\n')).toBe(total);
  },
);
