// Label maps in folders of predictions and references, and what nnU-Net's dataset.json and plans.json beside them say.

import { z } from 'zod';
import { byCodePoint } from '@/core/dataset/rawDataset';
import { validate } from '@/core/interop/json';
import type { LabelSet } from '@/core/interop/labels';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import type { ImageGeometry } from '@/core/io/medicalImage';
import { readerNamed, writeCase } from '@/core/io/readers';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { readAnyPlans } from '@/core/planning/anyPlans';
import type { LabelVoxels } from '@/core/preprocessing/exportPrediction';
import { StudioError } from '@/shared/errors';
import type { Spacing, Zyx } from '@/shared/geometry';
import { openNamed, type ReadFolder } from '@/storage/folderViews';
import type { ResultFolder } from '@/storage/resultFolder';

/** How a folder's label maps are to be read, and what their values mean. */
export interface SegmentationFormat {
  readonly labels: LabelSet;
  /** `.nii.gz` */
  readonly fileEnding: string;
  /** nnU-Net's reader by name: `SimpleITKIO`. */
  readonly reader: string;
}

/** A label map as it lies in its file. */
export interface LabelImage {
  /** `[z, y, x]` */
  readonly labels: LabelVoxels;
  readonly shape: Zyx;
  /** mm */
  readonly spacing: Spacing;
  /** For writing another in its place. */
  readonly geometry: ImageGeometry;
}

const readerSchema = z.looseObject({ image_reader_writer: z.string().default('SimpleITKIO') });

/**
 * The format that a dataset.json and a plans.json agree on: those that nnU-Net leaves beside predictions. Throws
 * `BadDatasetJson`, `BadPlans`, `UnsupportedReader`.
 */
async function readFormat(dataset: SourceFile, plans: SourceFile): Promise<SegmentationFormat> {
  const { labels, fileEnding } = readDatasetJson(await readText(dataset), dataset.path);
  const document = readAnyPlans(await readText(plans), plans.path);
  const { image_reader_writer: reader } = validate(readerSchema, document, plans.path, 'BadPlans');
  return { labels, fileEnding, reader: readerNamed(reader).name };
}

/** {@link readFormat} of the two files in a folder; one that is given counts instead. Throws `MissingFile` without. */
export async function formatOfFolder(
  folder: ReadFolder,
  given: { readonly dataset?: SourceFile | undefined; readonly plans?: SourceFile | undefined } = {},
): Promise<SegmentationFormat> {
  const dataset = given.dataset ?? (await neededFile(folder, NNUNET_FILES.dataset));
  const plans = given.plans ?? (await neededFile(folder, NNUNET_FILES.plans));
  return readFormat(dataset, plans);
}

/** A file that nnU-Net leaves in every folder of predictions. Throws `MissingFile`. */
export async function neededFile(folder: ReadFolder, name: string): Promise<SourceFile> {
  const file = await openNamed(folder, name);
  if (file) return file;
  throw new StudioError(
    'MissingFile',
    `There is no ${name} beside the predictions.`,
    "nnU-Net's predict leaves one there; name the model's, or copy it.",
  );
}

/** Names of a folder's files with that ending, as Python sorts them. */
export async function namesWithEnding(folder: ReadFolder, ending: string): Promise<readonly string[]> {
  return (await folder.list('')).filter((name) => name.endsWith(ending)).sort(byCodePoint);
}

/** Reads a label map. Throws `MissingFile`, `BadLabels` where it holds anything but whole numbers, and what readers throw. */
export async function readLabelMap(folder: ReadFolder, name: string, reader: string): Promise<LabelImage> {
  const file = await openNamed(folder, name);
  if (!file) throw new StudioError('MissingFile', `There is no ${name}.`);
  const { data, channels, shape, spacing, geometry } = await readerNamed(reader).read([
    await withSideCar(folder, file, name),
  ]);
  if (channels !== 1) {
    throw new StudioError(
      'BadLabels',
      `${file.path} has ${channels} channels; a label map has one.`,
      'Save it in grey values.',
    );
  }
  return { labels: wholeNumbers(data, file.path), shape, spacing, geometry };
}

/** The voxel size of a TIFF stack is in a file beside it. */
async function withSideCar(folder: ReadFolder, file: SourceFile, name: string): Promise<SourceFile> {
  if (!/\.tiff?$/i.test(name)) return file;
  const sideCar = await openNamed(folder, name.replace(/\.tiff?$/i, '.json'));
  return sideCar ? { ...file, sideCar } : file;
}

function wholeNumbers(data: Float32Array, path: string): LabelVoxels {
  let highest = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!(value >= 0 && value <= 0xffff) || value !== Math.floor(value)) {
      throw new StudioError(
        'BadLabels',
        `${path} holds the value ${value}; labels are whole numbers from 0 to 65535.`,
        'Check that it is a label map and no image.',
      );
    }
    if (value > highest) highest = value;
  }
  return highest < 256 ? Uint8Array.from(data) : Uint16Array.from(data);
}

/** Writes a label map in the place of the image it belongs to; side-cars first. */
export async function writeLabelMap(
  folder: ResultFolder,
  name: string,
  ending: string,
  { labels, shape, geometry }: Pick<LabelImage, 'labels' | 'shape' | 'geometry'>,
): Promise<void> {
  const [file, ...sideCars] = await writeCase(labels, shape, geometry, { ending });
  const caseId = name.slice(0, -ending.length);
  for (const sideCar of sideCars) await folder.write(`${caseId}${sideCar.ending}`, sideCar.content);
  await folder.write(name, file.content);
}
