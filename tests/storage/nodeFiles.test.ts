import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesBelow, filesIn, nodeFile, resultFolder, writeWhole } from '@/storage/nodeFiles';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('files on disk', () => {
  test('a slice is read without the rest, and ends with the file', async () => {
    writeFileSync(path.join(folder, 'a.bin'), Uint8Array.of(0, 1, 2, 3, 4));
    const file = await nodeFile(path.join(folder, 'a.bin'));
    expect(file.path).toBe('a.bin');
    expect([...(await file.slice(1, 3))]).toEqual([1, 2]);
    expect([...(await file.slice(3, 99))]).toEqual([3, 4]);
    expect([...(await file.bytes())]).toEqual([0, 1, 2, 3, 4]);
  });

  test('everything below a folder, links to its parent once, hidden files not', async () => {
    mkdirSync(path.join(folder, 'model/fold_0'), { recursive: true });
    writeFileSync(path.join(folder, 'model/plans.json'), '{}');
    writeFileSync(path.join(folder, 'model/.DS_Store'), '');
    writeFileSync(path.join(folder, 'model/fold_0/checkpoint_final.pth'), '');
    symlinkSync(path.join(folder, 'model'), path.join(folder, 'model/fold_0/loop'));
    const files = await filesBelow(path.join(folder, 'model'));
    expect(files.map((file) => file.path)).toEqual(['model/fold_0/checkpoint_final.pth', 'model/plans.json']);
    expect((await filesIn(path.join(folder, 'model'))).map((file) => file.path)).toEqual(['plans.json']);
  });
});

describe('results', () => {
  test('a file is written whole, and replaces an older one', async () => {
    const results = resultFolder(path.join(folder, 'new/deep'));
    expect(await results.has('a.txt')).toBe(false);
    await results.write('a.txt', 'one');
    await results.write('a.txt', 'two');
    expect(await results.has('a.txt')).toBe(true);
    expect(readFileSync(path.join(folder, 'new/deep/a.txt'), 'utf8')).toBe('two');
    expect(readdirSync(path.join(folder, 'new/deep'))).toEqual(['a.txt']);
  });

  test('a write that fails leaves nothing behind', async () => {
    mkdirSync(path.join(folder, 'taken'));
    writeFileSync(path.join(folder, 'taken/inside'), '');
    await expect(writeWhole(path.join(folder, 'taken'), 'text')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});
