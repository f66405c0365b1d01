// Plans of a dataset from its dataset.json and fingerprint; no image is needed.
import { z } from 'zod';
import type { DatasetDocument } from '@/core/dataset/rawDataset';
import { parseJson, validate } from '@/core/interop/json';
import { READERS, readerByEnding } from '@/core/io/readers';
import { type PlannerOptions, planExperiment } from '@/core/planning/planExperiment';
import type { Planner } from '@/core/planning/planners';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';

export interface PlanDatasetRequest {
  /** `DatasetXXX_Name`. */
  readonly name: string;
  readonly document: DatasetDocument;
  readonly fingerprint: FingerprintDocument;
  readonly planner: Planner;
  readonly options?: PlannerOptions;
  /** nnU-Net's reader where an image has been tried; else the file ending decides. */
  readonly reader?: string | undefined;
}

/** Plans for every configuration the dataset calls for. Throws `UnsupportedReader`, `EmptyFingerprint`. */
export function planDataset(job: PlanDatasetRequest): PlansDocument {
  const { document } = job;
  return planExperiment(
    job.fingerprint,
    {
      name: job.name,
      channelNames: [...document.channel_names.values()],
      labelEntries: document.labels.size,
      numTraining: document.numTraining,
      imageReaderWriter: job.reader ?? readerNameOf(document),
    },
    job.planner,
    job.options,
  );
}

/** nnU-Net's reader where there is no image to try it on. Throws `UnsupportedReader`. */
export function readerNameOf(document: DatasetDocument): string {
  const overwrite = document.overwrite_image_reader_writer;
  const named = READERS.find(({ name }) => name === overwrite);
  return (named ?? readerByEnding(document.file_ending)).name;
}

/** NaN is what a dataset without foreground has. */
const statistic = z.custom<number>((value) => typeof value === 'number', 'expected a number');
const triple = z.array(z.number().positive()).length(3);

const fingerprintSchema = z.object({
  foreground_intensity_properties_per_channel: z.record(z.string(), z.record(z.string(), statistic)),
  median_relative_size_after_cropping: z.number(),
  shapes_after_crop: z.array(triple),
  spacings: z.array(triple),
});

/** Reads dataset_fingerprint.json. Throws `BadJson` or `BadFingerprint`. */
export function readFingerprint(text: string, file: string): FingerprintDocument {
  return validate(fingerprintSchema, parseJson(text, file), file, 'BadFingerprint');
}
