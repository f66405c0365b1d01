import { z } from 'zod';
import { messageOf, StudioError } from '@/shared/errors';
import { datasetJsonFaults, faultText } from './datasetJsonFaults';
import { parseJson, validate } from './json';
import { type LabelSet, labelSetOf } from './labels';
import { orderedRecord } from './orderedRecord';

/** What a dataset.json says, as far as models and datasets need it. */
export interface DatasetDescription {
  /** In the order of the file, by which nnU-Net goes too. */
  readonly channelNames: readonly string[];
  readonly labels: LabelSet;
  /** `.nii.gz`, `.png`, … */
  readonly fileEnding: string;
  readonly trainingCaseCount: number | undefined;
}

const label = z.int().min(0);

const channelNames = orderedRecord(
  z.string(),
  z.string().regex(/^\d+$/, 'expected a channel number as the key'),
);

const datasetSchema = z
  .object({
    channel_names: channelNames.optional(),
    /** The name before nnU-Net 2. */
    modality: channelNames.optional(),
    labels: orderedRecord(z.union([label, z.array(label).min(1)])),
    regions_class_order: z.array(label).nullish(),
    file_ending: z.string().default('.nii.gz'),
    numTraining: z.number().optional(),
  })
  .refine((json) => json.channel_names ?? json.modality, { path: ['channel_names'], error: 'missing' });

/** Reads the text of a dataset.json. Throws `BadJson` or `BadDatasetJson` with what is wrong, and the line to write. */
export function readDatasetJson(text: string, file: string): DatasetDescription {
  const parsed = parseJson(text, file);
  const faults = datasetSchema.safeParse(parsed).success
    ? []
    : datasetJsonFaults(parsed, { isOfModel: true });
  if (faults.length > 0) {
    const { what, remedy } = faultText(faults);
    throw new StudioError('BadDatasetJson', `${file}: ${what}.`, remedy);
  }
  const json = validate(datasetSchema, parsed, file, 'BadDatasetJson');
  const channels = json.channel_names ?? json.modality ?? new Map<string, string>();
  return {
    channelNames: [...channels.values()],
    labels: labelsOf(json, file),
    fileEnding: json.file_ending,
    trainingCaseCount: json.numTraining,
  };
}

function labelsOf(json: z.output<typeof datasetSchema>, file: string): LabelSet {
  try {
    return labelSetOf(json.labels, json.regions_class_order ?? undefined);
  } catch (error) {
    throw new StudioError(
      'BadDatasetJson',
      `${file}: ${messageOf(error)}.`,
      'Correct the file, then import again.',
      {
        cause: error,
      },
    );
  }
}
