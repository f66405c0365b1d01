// A task of the Medical Segmentation Decathlon as nnU-Net's raw dataset: what `nnUNetv2_convert_MSD_dataset` does.

import { z } from 'zod';
import { readJson, validate } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { pythonJson } from '@/core/interop/pythonJson';
import { concatenate } from '@/core/io/compression';
import { contentPieces, contentStart, gzip } from '@/core/io/gzip';
import { derivedHeader, type NiftiHeader, parseNiftiHeader } from '@/core/io/niftiHeader';
import { MAX_HEADER_BYTES, voxelBytes } from '@/core/io/niftiLayout';
import { writeVolume } from '@/core/io/niftiWriter';
import { readCase } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape } from '@/shared/geometry';

/** A file of the converted dataset, below its folder. */
export interface ConvertedFile {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface ConvertedDataset {
  /** `DatasetXXX_Name`. */
  readonly name: string;
  /** How many files of the task are converted. */
  readonly fileCount: number;
  /** The files one after the other; `done` counts files of the task. */
  files(): AsyncGenerator<ConvertedFile & { readonly done: number }>;
}

const ENDING = '.nii.gz';
const TASK_FOLDER = /^Task(\d+)_([^_]+)$/;

const msdSchema = z.looseObject({
  labels: orderedRecord(z.string(), z.string().regex(/^\d+$/, 'expected a label value as the key')),
  modality: orderedRecord(z.string()),
});

/** True for the folder of a Decathlon task, by its name and dataset.json's place. */
export function isMsdTask(files: readonly SourceFile[]): boolean {
  return files.some(({ path }) => {
    const [folder, file] = path.split('/').slice(-2);
    return file === NNUNET_FILES.dataset && TASK_FOLDER.test(folder ?? '');
  });
}

/**
 * Converts the task among the files. `id` replaces the task's number. 4D images become one file per channel, the bytes
 * of their voxels unchanged. Throws `NoMsdTask` with what is missing.
 */
export async function convertMsd(files: readonly SourceFile[], id?: number): Promise<ConvertedDataset> {
  const json = files.find((file) => fileName(file) === NNUNET_FILES.dataset && isMsdTask([file]));
  if (!json) {
    throw new StudioError(
      'NoMsdTask',
      'There is no dataset.json in a folder named TaskNN_Name (one underscore).',
      'Name the folder of one Decathlon task, like Task04_Hippocampus.',
    );
  }
  const root = json.path.slice(0, -NNUNET_FILES.dataset.length);
  const [, number, name] = TASK_FOLDER.exec(root.split('/').at(-2) ?? '') ?? [];
  const below = (folder: string) =>
    files.filter((file) => file.path.startsWith(`${root}${folder}/`) && isImage(fileName(file)));
  const folders = ['imagesTr', 'imagesTs', 'labelsTr'] as const;
  const missing = folders.filter((folder) => !files.some(({ path }) => path.startsWith(`${root}${folder}/`)));
  if (missing.length > 0) {
    throw new StudioError(
      'NoMsdTask',
      `${root}: ${missing.join(', ')} missing.`,
      'Unpack the whole archive.',
    );
  }
  const datasetJson = await convertedJson(json);
  const images = (['imagesTr', 'imagesTs'] as const).flatMap((folder) =>
    below(folder).map((file) => ({ folder, file })),
  );
  const labels = below('labelsTr');
  return {
    name: `Dataset${String(id ?? Number(number)).padStart(3, '0')}_${name}`,
    fileCount: images.length + labels.length,
    async *files() {
      let done = 0;
      for (const { folder, file } of images) {
        done++;
        for await (const channel of channelsOf(file))
          yield { ...channel, path: `${folder}/${channel.path}`, done };
      }
      for (const file of labels) {
        done++;
        yield { path: `labelsTr/${fileName(file)}`, content: await file.bytes(), done };
      }
      // Last, as it is what makes the folder a dataset.
      yield { path: NNUNET_FILES.dataset, content: new TextEncoder().encode(datasetJson), done };
    },
  };
}

function isImage(name: string): boolean {
  return name.endsWith(ENDING) && !name.startsWith('.') && !name.startsWith('_');
}

/** Labels inverted, modality renamed, lists of files removed; the rest as it was. */
async function convertedJson(file: SourceFile): Promise<string> {
  const json = validate(msdSchema, await readJson(file), file.path, 'BadDatasetJson');
  const { modality, training: _training, test: _test, ...rest } = json;
  const labels = new Map([...json.labels].map(([value, name]) => [name, Number(value)]));
  return pythonJson({ ...rest, labels, file_ending: ENDING, channel_names: modality });
}

async function* channelsOf(file: SourceFile): AsyncGenerator<ConvertedFile> {
  const header = parseNiftiHeader(await contentStart(file, MAX_HEADER_BYTES), file.path);
  const base = fileName(file).slice(0, -ENDING.length);
  const nameOf = (channel: number) => `${base}_${String(channel).padStart(4, '0')}${ENDING}`;
  if (header.dim.length === 3) yield { path: nameOf(0), content: await file.bytes() };
  else if (header.dim.length !== 4) {
    throw new StudioError(
      'UnsupportedShape',
      `${file.path} has ${header.dim.length} dimensions (${formatShape(header.dim)}).`,
      'Decathlon images have 3 or 4.',
    );
  } else if (header.slope === 1 && header.intercept === 0) yield* storedChannels(file, header, nameOf);
  else yield* scaledChannels(file, nameOf);
}

/** The channels lie one behind the other: each gets a header of its own. */
async function* storedChannels(
  file: SourceFile,
  header: NiftiHeader,
  nameOf: (channel: number) => string,
): AsyncGenerator<ConvertedFile> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(file)) pieces.push(piece);
  const content = concatenate(pieces);
  const { bytes } = derivedHeader(header.bytes, header.voxelType);
  const size = elementCount(header.dim.slice(0, 3)) * voxelBytes(header.voxelType);
  const expected = header.voxOffset + size * header.dim[3];
  if (content.length < expected) {
    throw new StudioError(
      'TruncatedFile',
      `${file.path} holds ${content.length} of the ${expected} bytes its header promises.`,
      'Copy or download the file again.',
    );
  }
  for (let channel = 0; channel < header.dim[3]; channel++) {
    const start = header.voxOffset + channel * size;
    yield { path: nameOf(channel), content: await gzip(bytes, content.subarray(start, start + size)) };
  }
}

/** Stored numbers that a slope scales are written as what they stand for. */
async function* scaledChannels(
  file: SourceFile,
  nameOf: (channel: number) => string,
): AsyncGenerator<ConvertedFile> {
  const { data, channels, shape, geometry } = await readCase([file], 'SimpleITKIO');
  const size = elementCount(shape);
  for (let channel = 0; channel < channels; channel++) {
    const volume = data.subarray(channel * size, (channel + 1) * size);
    yield { path: nameOf(channel), content: await writeVolume(volume, shape, geometry) };
  }
}
