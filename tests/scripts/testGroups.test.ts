import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testGroups } from '../../scripts/support/testGroups.mjs';

/** Named apart, so that this file is none of those that it writes. */
const DEVICE = '@/gpu/nodeGpu';
const COMMAND = ['nnstudio', 'mjs'].join('.');

const FILES: Readonly<Record<string, string>> = {
  'src/gpu/nodeGpu.ts': "export { create } from 'webgpu';",
  'src/shared/sum.ts': 'export const sum = 1;',
  'tests/support/gpu.ts': `import { create } from '${DEVICE}';\nexport const test = create;`,
  'tests/plain.test.ts': "import { sum } from '@/shared/sum';",
  'tests/direct.test.ts': `import { create } from '${DEVICE}';`,
  'tests/far/byFixture.test.ts': "import { test } from '../support/gpu';",
  'tests/lazy.test.ts': `const gpu = await import('${DEVICE}');`,
  'tests/command.test.ts': `spawn('node', ['bin/${COMMAND}']);`,
  'tests/topics/losses.ts': "import { test } from '../support/gpu';",
  'tests/topics.test.ts': "const topics = import.meta.glob<{ run(): void }>('./topics/*.ts');",
};

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-groups-'));
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('tests that can open a device are found by what they load', () => {
  expect(testGroups(root)).toEqual({
    gpu: [
      'tests/command.test.ts',
      'tests/direct.test.ts',
      'tests/far/byFixture.test.ts',
      'tests/lazy.test.ts',
      'tests/topics.test.ts',
    ],
    unit: ['tests/plain.test.ts'],
  });
});

test('every test of the project is in one of the groups', () => {
  const { gpu, unit } = testGroups('.');
  const files = readdirSync('tests', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `tests/${file.replaceAll('\\', '/')}`);
  expect([...gpu, ...unit].sort()).toEqual(files.sort());
});

test('a test without a GPU cannot open a device by a way that is not seen', async () => {
  const unseen = 'webgpu';
  const { create } = await import(/* @vite-ignore */ unseen);
  expect(() => create([])).toThrow(/opens a device/);
});
