import { expect, test } from 'vitest';
import { readText } from '@/core/io/sourceFile';
import { clearFolder, joinedFolder, placedSubfolder, subfolder } from '@/storage/folderViews';
import { memoryFolder } from '../support/memoryFolder';

async function contentOf(folder: ReturnType<typeof subfolder>, path: string): Promise<string | undefined> {
  const file = await folder.open(path);
  return file && readText(file);
}

test('a part of a folder is a folder', async () => {
  const whole = memoryFolder();
  const part = subfolder(whole, 'a/b');
  await part.write('c.txt', 'c');
  await part.write('d/e.txt', 'e');
  expect([...whole.contents.keys()]).toEqual(['a/b/c.txt', 'a/b/d/e.txt']);
  expect([await part.list(''), await part.list('d')]).toEqual([['c.txt'], ['e.txt']]);
  expect([await part.has('c.txt'), await part.has('a/b/c.txt')]).toEqual([true, false]);
  expect(await contentOf(part, 'd/e.txt')).toBe('e');
  await part.remove('c.txt');
  expect(await whole.has('a/b/c.txt')).toBe(false);
});

test('a part knows its place', () => {
  expect(placedSubfolder({ folder: memoryFolder(), location: '/r' }, 'fold_0').location).toBe('/r/fold_0');
});

test('folders that lie apart are one', async () => {
  const [base, first, second] = [memoryFolder(), memoryFolder(), memoryFolder()];
  await first.write('fold_0/validation/a.txt', 'a');
  await second.write('fold_1/validation/b.txt', 'b');
  await second.write('plans.json', 'of the second');
  await base.write('plans.json', 'of the base');
  const model = joinedFolder(base, { fold_0: first, fold_1: second });
  expect(await model.list('fold_0/validation')).toEqual(['a.txt']);
  expect(await contentOf(model, 'fold_1/validation/b.txt')).toBe('b');
  expect(await contentOf(model, 'plans.json')).toBe('of the base');
  await model.write('crossval/summary.json', '{}');
  await model.remove('fold_1/validation/b.txt');
  expect(await base.has('crossval/summary.json')).toBe(true);
  expect(await second.has('fold_1/validation/b.txt')).toBe(false);
});

test('a folder is cleared of its files, not of what lies deeper', async () => {
  const folder = memoryFolder();
  for (const path of ['a.txt', 'deep/b.txt', 'deep/er/c.txt']) await folder.write(path, '');
  await clearFolder(folder);
  expect([...folder.contents.keys()]).toEqual(['deep/b.txt', 'deep/er/c.txt']);
  await clearFolder(folder, 'deep');
  expect([...folder.contents.keys()]).toEqual(['deep/er/c.txt']);
});
