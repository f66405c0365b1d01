import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeTuning } from '@/storage/nodeTuning';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-tuning-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a choice of kernel is there for the next process', async () => {
  const file = path.join(folder, 'below', 'tuning.json');
  const store = nodeTuning(file);
  expect(await store.get('a')).toBeUndefined();
  await store.set('a', 'direct');
  await store.set('b', 'tiled');
  expect(await nodeTuning(file).get('a')).toBe('direct');
  expect(await nodeTuning(file).get('b')).toBe('tiled');
});

test('a damaged file counts as empty, and is replaced', async () => {
  const file = path.join(folder, 'tuning.json');
  writeFileSync(file, '{"a": 3');
  expect(await nodeTuning(file).get('a')).toBeUndefined();
  await nodeTuning(file).set('a', 'direct');
  expect(await nodeTuning(file).get('a')).toBe('direct');
});
