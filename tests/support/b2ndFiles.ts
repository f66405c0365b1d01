// Small `.b2nd` files that C-Blosc2 2.17.1 wrote, one for each way to pack an array, and what is in them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { elementCount } from '@/shared/geometry';

const FOLDER = path.resolve(import.meta.dirname, '../core/io/blosc2/files');

/** By type: the array's shape. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  f4: [2, 5, 11, 9],
  f8: [7, 9, 13],
  i1: [7, 9, 13],
  i2: [7, 9, 13],
  u1: [1000],
};

export interface B2ndFixture {
  readonly name: string;
  readonly file: SourceFile;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** All that can be read here. */
export function b2ndFixtures(): readonly B2ndFixture[] {
  return readdirSync(FOLDER)
    .filter((name) => !name.includes('dictionary'))
    .map((name) => {
      const dtype = name.slice(0, 2);
      const shape = SHAPES[dtype];
      const values = Array.from({ length: elementCount(shape) }, (_, i) => valueAt(name, dtype, i));
      return { name, file: b2ndFixture(name), dtype, shape, values };
    });
}

/** The file of that name. */
export function b2ndFixture(name: string): SourceFile {
  return memoryFile(new Uint8Array(readFileSync(path.join(FOLDER, name))), name);
}

/** What the program that wrote the files put at element `i`. */
function valueAt(name: string, dtype: string, i: number): number {
  if (/zeros|uninit/.test(name)) return 0;
  if (/nans/.test(name)) return Number.NaN;
  if (/full/.test(name)) return 2.5;
  const value = Math.floor(((i * 7919) % 1009) / 8) + (Math.floor(i / 64) % 5) * 100;
  if (dtype.startsWith('f')) return value / 4;
  if (dtype === 'i1') return (value % 100) - 1;
  return dtype === 'u1' ? value % 200 : (value % 3) - 1;
}
