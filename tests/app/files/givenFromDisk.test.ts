import { expect, test } from 'vitest';
import { assertNotGiven, rememberGiven } from '@/app/files/givenFromDisk';

const SCAN = { name: 'scan.zip', size: 100, lastModified: 1 };

test('nothing is saved over a file that was opened', () => {
  rememberGiven([SCAN, { ...SCAN, name: 'empty.zip', size: 0 }]);
  expect(() => assertNotGiven({ ...SCAN })).toThrow(
    /Saving as scan\.zip would write over scan\.zip, which you opened/,
  );
});

test('other files, and a new one, may be saved into', () => {
  for (const other of [
    { ...SCAN, name: 'other.zip' },
    { ...SCAN, size: 101 },
    { ...SCAN, lastModified: 2 },
  ])
    expect(() => assertNotGiven(other)).not.toThrow();
  expect(() => assertNotGiven({ name: 'empty.zip', size: 0, lastModified: 1 })).not.toThrow();
});
