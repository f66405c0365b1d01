import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readNpz } from '@/core/io/npy';
import { elementCount } from '@/shared/geometry';

const golden = path.resolve(import.meta.dirname, '../../../../shared/golden');
const archives = existsSync(golden)
  ? readdirSync(golden, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.npz'))
  : [];

describe.skipIf(archives.length === 0)("numpy's own archives in ../shared/golden", () => {
  test(`all ${archives.length} are read`, async () => {
    for (const archive of archives) {
      const arrays = await readNpz(readFileSync(path.join(golden, archive)));
      expect(arrays.size, archive).toBeGreaterThan(0);
      for (const { shape, data } of arrays.values()) expect(data.length, archive).toBe(elementCount(shape));
    }
  });
});
