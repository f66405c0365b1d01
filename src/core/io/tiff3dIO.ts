// nnU-Net's reader of TIFF stacks: 3D, a file per channel, the voxel size in `{case}.json` beside them.

import { z } from 'zod';
import { StudioError } from '@/shared/errors';
import { formatShape, formatXyz, type Spacing, type Zyx } from '@/shared/geometry';
import { nameKey } from '@/shared/names';
import { endingsOfReader } from './formats';
import { allocate, assertChannelCount, assertFinite, type ImageReader, labelsToStore } from './imageReader';
import type { Raster } from './raster';
import { sniff } from './sniff';
import { fileName, readText, type SourceFile } from './sourceFile';
import { decodeTiff, encodeTiff, tiffFormat } from './tiff';

const SIDE_CAR = z.object({ spacing: z.tuple([z.number(), z.number(), z.number()]) });

const TIFF_ENDING = /\.tiff?$/i;

/** Where nnU-Net takes no file at its word: voxels of 1 mm. */
const UNIT_SPACING: Spacing = [1, 1, 1];

function isSideCar({ path }: SourceFile): boolean {
  return /\.json$/i.test(path);
}

/**
 * The files, those of TIFF stacks with their side-cars, which are no longer listed by themselves: `{case}.json` beside
 * `{case}_0000.tif` and beside the label map `{case}.tif`.
 */
export function withSideCars(files: readonly SourceFile[]): readonly SourceFile[] {
  const byPath = new Map(files.filter(isSideCar).map((file) => [nameKey(file.path), file]));
  const used = new Set<SourceFile>();
  const paired = files.map((file) => {
    if (!TIFF_ENDING.test(file.path)) return file;
    const stem = nameKey(file.path).replace(TIFF_ENDING, '');
    const sideCar = byPath.get(`${stem}.json`) ?? byPath.get(`${stem.replace(/_\d{4}$/, '')}.json`);
    if (!sideCar) return file;
    used.add(sideCar);
    return { ...file, sideCar };
  });
  return paired.filter((file) => !used.has(file));
}

/** Where nnU-Net looks for the voxel size of a TIFF: beside it, under the name of the case. */
function sideCarPath(path: string): string {
  return path.replace(/(_\d{4})?\.tiff?$/i, '.json');
}

/** What a side-car must hold, with numbers that were found in it, if there were three. */
function sideCarLine(found: readonly number[] = []): string {
  const isUsable = found.length === 3 && found.every((size) => size > 0 && Number.isFinite(size));
  const line = `{"spacing": [${isUsable ? found.join(', ') : '2.5, 0.8, 0.7'}]}`;
  return `Write the voxel size in mm, slices first (z, y, x), as JSON${isUsable ? '' : ', for example'}: ${line}.`;
}

/** mm, array order. nnU-Net goes on without the file; so do we, and say so. */
async function readSpacing(sideCar: SourceFile | undefined, first: SourceFile) {
  if (!sideCar) {
    const missing = `There is no ${sideCarPath(first.path)} with the voxel size of ${fileName(first)}: 1 × 1 × 1 mm is assumed.`;
    return { spacing: UNIT_SPACING, warnings: [`${missing} ${sideCarLine()}`] };
  }
  const bad = (what: string, found?: readonly number[], cause?: unknown) =>
    new StudioError(
      'BadSpacing',
      `${sideCar.path}, the voxel size of ${fileName(first)}: ${what}`,
      sideCarLine(found),
      { cause },
    );
  const text = await readText(sideCar);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw bad('this is not JSON.', (text.match(/[\d.]+(e[-+]?\d+)?/gi) ?? []).map(Number), error);
  }
  const listed: unknown = Array.isArray(content)
    ? content
    : typeof content === 'object' && content !== null && 'spacing' in content
      ? content.spacing
      : undefined;
  const numbers = Array.isArray(listed) ? listed.map(Number) : [];
  const { data } = SIDE_CAR.safeParse(content);
  if (data) {
    if (data.spacing.every((size) => size > 0 && Number.isFinite(size)))
      return { spacing: data.spacing, warnings: [] };
    throw bad(`the voxel size is ${formatShape(data.spacing)} mm.`);
  }
  if (listed === undefined) throw bad('it has no "spacing".');
  if (Array.isArray(content)) throw bad('it is a list of its own, not the entry "spacing".', numbers);
  if (Array.isArray(listed) && listed.length !== 3)
    throw bad(`its "spacing" has ${listed.length} number${listed.length === 1 ? '' : 's'}, not three.`);
  throw bad('its "spacing" is no list of three numbers.', numbers);
}

async function readStack(file: SourceFile): Promise<Raster> {
  if ((await sniff(file)) !== tiffFormat.kind) {
    throw new StudioError(
      'UnsupportedFormat',
      `${file.path} is no TIFF file, which nnU-Net's Tiff3DIO reads.`,
      'Use images in the format that the model was trained on.',
    );
  }
  const raster = await decodeTiff(file);
  if (raster.shape.length === 3) return raster;
  throw new StudioError(
    'UnsupportedShape',
    `${file.path} has the shape ${formatShape(raster.shape)}; nnU-Net's Tiff3DIO reads 3D stacks of one channel.`,
    'Save each channel as a 3D stack of its own, named case_0000, case_0001, ….',
  );
}

/** Follows nnU-Net's `Tiff3DIO`. */
export const tiff3dIO: ImageReader = {
  name: 'Tiff3DIO',
  endings: endingsOfReader('Tiff3DIO'),

  async read(files, options = {}) {
    const stacks = files.filter((file) => !isSideCar(file));
    if (stacks.length === 0)
      throw new StudioError('MissingFile', 'The case has no image files.', 'Add at least one.');
    assertChannelCount(stacks.length, options.channels, stacks);
    const { spacing, warnings } = await readSpacing(files.find(isSideCar) ?? stacks[0].sideCar, stacks[0]);
    const first = await readStack(stacks[0]);
    const shape: Zyx = [first.shape[0], first.shape[1], first.shape[2]];
    const size = first.data.length;
    const data = allocate(stacks.length * size, stacks[0].path);
    for (const [i, file] of stacks.entries()) {
      const raster = i === 0 ? first : await readStack(file);
      if (formatShape(raster.shape) !== formatShape(shape)) {
        throw new StudioError(
          'GeometryMismatch',
          `${file.path} is ${formatXyz(raster.shape)} voxels (x × y × z) but ${stacks[0].path} is ${formatXyz(shape)}.`,
          'Resample the channels to one grid, then try again.',
        );
      }
      data.set(raster.data, i * size);
      assertFinite(data.subarray(i * size, (i + 1) * size), file.path, shape);
    }
    return {
      data,
      channels: stacks.length,
      shape,
      spacing,
      geometry: { format: 'tiff-stack', spacing },
      warnings,
    };
  },

  async write(labels, shape, geometry, { ending } = {}) {
    const content = await encodeTiff(labelsToStore(labels), shape);
    const spacing = geometry.format === 'tiff-stack' ? geometry.spacing : UNIT_SPACING;
    const sideCar = Uint8Array.from(new TextEncoder().encode(JSON.stringify({ spacing }, null, 4)));
    return [
      { ending: ending === '.tiff' ? '.tiff' : '.tif', content },
      { ending: '.json', content: sideCar },
    ];
  },
};
