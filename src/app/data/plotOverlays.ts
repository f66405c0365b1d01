// Pictures of a dataset's labels over its images, one a case: what `nnUNetv2_plot_overlay_pngs` writes.
import type { RawCase, RawDataset } from '@/core/dataset/rawDataset';
import { readTrainingCase } from '@/core/dataset/trainingCases';
import { encodeColorPng } from '@/core/io/png';
import { closestReader } from '@/core/io/readers';
import {
  DEFAULT_OVERLAY_INTENSITY,
  type OverlayPicture,
  overlayPicture,
} from '@/core/overview/overlayPicture';
import type { Configuration } from '@/core/planning/plans';
import { CASE_FORMATS, caseOfFile } from '@/core/training/caseFormats';
import { messageOf, StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { OverviewFailure } from '@/workers/data/api';

/** How pictures are drawn. */
export interface OverlayOptions {
  /** Whose image is drawn, from 0. */
  readonly channel?: number;
  /** How much of a label's colour is added to the image. */
  readonly intensity?: number;
}

/** A case that can be drawn. */
export interface OverlayCase {
  readonly caseId: string;
  draw(options: OverlayOptions): Promise<OverlayPicture>;
}

/** The training cases of a raw dataset. Each is read by itself; of its image only the channel that is drawn. */
export async function rawOverlays({ cases, document }: RawDataset): Promise<readonly OverlayCase[]> {
  const { reader } = await closestReader({
    fileEnding: document.file_ending,
    ...(document.overwrite_image_reader_writer && { overwrite: document.overwrite_image_reader_writer }),
    exampleFiles: cases[0].images.slice(0, 1),
  });
  return cases.map((rawCase) => ({
    caseId: rawCase.caseId,
    draw: async ({ channel = 0, intensity = DEFAULT_OVERLAY_INTENSITY }) => {
      const { image, seg } = await readTrainingCase(ofChannel(rawCase, channel), reader.name);
      const volume = image.data.subarray(0, elementCount(image.shape));
      return overlayPicture(volume, seg.data, image.shape, intensity);
    },
  }));
}

function ofChannel(rawCase: RawCase, channel: number): RawCase {
  const { caseId, images } = rawCase;
  if (channel in images) return { ...rawCase, images: [images[channel]] };
  throw noChannel(caseId, channel, images.length);
}

/** The cases of a preprocessed configuration, in order of their names. Throws `NotPreprocessed` where there is none. */
export async function preprocessedOverlays(
  preprocessed: DatasetFolder,
  { name, dataIdentifier }: Pick<Configuration, 'name' | 'dataIdentifier'>,
): Promise<readonly OverlayCase[]> {
  const names = await preprocessed.list(dataIdentifier);
  const caseIds = new Set(names.flatMap((file) => caseOfFile(file)?.caseId ?? []));
  if (caseIds.size === 0) {
    throw new StudioError(
      'NotPreprocessed',
      `There are no preprocessed cases of ${name} in ${dataIdentifier}.`,
      'Preprocess this configuration first; on the command line --use_raw draws the raw images.',
    );
  }
  return [...caseIds].sort().map((caseId) => ({
    caseId,
    draw: async ({ channel = 0, intensity = DEFAULT_OVERLAY_INTENSITY }) => {
      const { image, seg, shape, channels } = await readArrays(preprocessed, `${dataIdentifier}/${caseId}`);
      if (channel >= channels) throw noChannel(caseId, channel, channels);
      const size = elementCount(shape);
      return overlayPicture(image.subarray(channel * size, (channel + 1) * size), seg, shape, intensity);
    },
  }));
}

async function readArrays(preprocessed: DatasetFolder, below: string) {
  for (const format of CASE_FORMATS) {
    const opened = await Promise.all(format.endings.map((ending) => preprocessed.open(below + ending)));
    const files = opened.filter((file) => file !== undefined);
    if (files.length === format.endings.length) return format.readArrays(files);
  }
  throw new StudioError('NotPreprocessed', `${below} lacks files.`, 'Preprocess the dataset again.');
}

function noChannel(caseId: string, channel: number, count: number): StudioError {
  return new StudioError(
    'ChannelCount',
    `${caseId} has no channel ${channel}: it has ${count}, counted from 0.`,
    'Choose another channel.',
  );
}

/** Draws one case after the other as a PNG; one that fails does not stop the others. */
export async function writeOverlays(
  cases: readonly OverlayCase[],
  job: OverlayOptions & {
    readonly write: (caseId: string, png: Uint8Array<ArrayBuffer>) => Promise<void> | void;
    readonly signal?: AbortSignal;
    readonly onCase?: (caseId: string, done: number) => void;
  },
): Promise<readonly OverviewFailure[]> {
  const failures: OverviewFailure[] = [];
  for (const [i, { caseId, draw }] of cases.entries()) {
    job.signal?.throwIfAborted();
    const png = await draw(job)
      .then(encodeOverlay)
      .catch((error: unknown) => {
        failures.push({ caseId, message: messageOf(error) });
        return undefined;
      });
    if (png) await job.write(caseId, png);
    job.onCase?.(caseId, i + 1);
  }
  return failures;
}

/** As a PNG of red, green, blue and opacity, which is what matplotlib writes. */
function encodeOverlay({ width, height, rgba }: OverlayPicture): Promise<Uint8Array<ArrayBuffer>> {
  return encodeColorPng(rgba, width, height);
}
