// Files for the journeys, made by our own writers.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import type { SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { type ModelFolderOptions, modelFolderFiles } from '../support/modelFolder';

/** A folder of its own for one test's files. */
export class Workbench {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-e2e-'));

  /** Writes a file, with its folders; returns where it is. */
  write(name: string, content: Uint8Array | string): string {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** A model folder on disk; returns the folder. */
  async writeModel(name: string, options: ModelFolderOptions = {}): Promise<string> {
    for (const file of modelFolderFiles(options)) this.write(`${name}/${file.path}`, await file.bytes());
    return path.join(this.folder, name);
  }

  /** The same as one zip. */
  async writeModelZip(name: string, options: ModelFolderOptions = {}): Promise<string> {
    return this.write(name, await zipOf(modelFolderFiles(options)));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function zipOf(files: readonly SourceFile[]): Promise<Uint8Array> {
  return writeZip(
    await Promise.all(files.map(async (file) => ({ path: file.path, content: await file.bytes() }))),
  );
}

export const IMAGE_SHAPE: Zyx = [10, 34, 38];
export const IMAGE_SPACING: Spacing = [3, 1, 1];

/** A head of an ellipsoid with a bright core, and noise; `.nii.gz`. */
export function phantomImage(seed = 1, shape: Zyx = IMAGE_SHAPE): Promise<Uint8Array> {
  return writeVolume(phantomVoxels(seed, shape), shape, newGeometry(shape, IMAGE_SPACING));
}

export function phantomVoxels(seed: number, shape: Zyx): Float32Array {
  const random = seededRandom(seed);
  const [depth, height, width] = shape;
  const voxels = new Float32Array(elementCount(shape));
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const r = Math.hypot((2 * z) / depth - 1, (2 * y) / height - 1, (2 * x) / width - 1);
        voxels[i] = Math.round((r < 0.45 ? 900 : r < 0.9 ? 400 : 20) + 40 * random.normal());
      }
    }
  }
  return voxels;
}
