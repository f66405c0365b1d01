// A case as the network wants it: transposed, cropped to its non-zero region, normalised, resampled. Follows nnU-Net's
// `DefaultPreprocessor.run_case_npy`.

import type { MedicalImage } from '@/core/io/medicalImage';
import type { Configuration, Plans } from '@/core/planning/plans';
import { StudioError } from '@/shared/errors';
import type { BoundingBox, Spacing, Zyx } from '@/shared/geometry';
import { boxShape, elementCount, formatXyz, permute } from '@/shared/geometry';
import { markOutside, nonzeroBox, nonzeroMask } from './cropToNonzero';
import { computeNewShape } from './gridShape';
import { narrowestLabels } from './narrowestLabels';
import { normalizationNamed } from './normalization/schemes';
import { type ResampleOptions, resampleChannel } from './resampleAsync';
import { type ResampleRequest, resampledShape, resampleSegmentation } from './resampling';
import { copyTransposed, wholeBox } from './volumes';

/** What undoing the preprocessing needs. Shapes and box in transposed order. */
export interface CaseProperties {
  /** mm, reader order. */
  readonly spacing: Spacing;
  /** mm, transposed order. */
  readonly spacingTransposed: Spacing;
  readonly shapeBeforeCropping: Zyx;
  readonly bboxUsedForCropping: BoundingBox;
  readonly shapeAfterCroppingAndBeforeResampling: Zyx;
}

export interface PreprocessedArrays {
  /** `[c, z, y, x]`, transposed order. */
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** `[z, y, x]`, −1 outside the non-zero mask; int16 where a label exceeds 127. Present where asked for. */
  readonly seg?: Int8Array | Int16Array;
  readonly properties: CaseProperties;
}

/** A label map beside its image, `[z, y, x]` in reader order. */
export type SegVoxels = Int8Array | Int16Array | Uint8Array | Uint16Array | Float32Array;

export interface PreprocessCaseRequest extends ResampleOptions {
  /** Whether all that is zero in every channel is left away, as nnU-Net does. The default. */
  readonly isCropped?: boolean;
  readonly image: MedicalImage;
  readonly plans: Plans;
  readonly configuration: Configuration;
  /** Reference labels, or the previous stage's segmentation. */
  readonly seg?: SegVoxels | undefined;
  /** Whether `seg` comes back; the default is whether one was given. Without one it marks the non-zero mask. */
  readonly shouldReturnSeg?: boolean;
  /** Labels of `seg` that become further channels of `data`, behind the image's: 1 where the label is, else 0. */
  readonly labelsAsChannels?: readonly number[];
}

/** Preprocesses one case. */
export async function preprocessCase(job: PreprocessCaseRequest): Promise<PreprocessedArrays> {
  const { image, plans, configuration, onProgress, labelsAsChannels = [], isCropped = true } = job;
  checkJob(job);
  const order = plans.transposeForward;
  const readerBox = isCropped ? nonzeroBox(image.data, image.channels, image.shape) : wholeBox(image.shape);
  const box: BoundingBox = [readerBox[order[0]], readerBox[order[1]], readerBox[order[2]]];
  const properties: CaseProperties = {
    spacing: image.spacing,
    spacingTransposed: permute(image.spacing, order),
    shapeBeforeCropping: permute(image.shape, order),
    bboxUsedForCropping: box,
    shapeAfterCroppingAndBeforeResampling: boxShape(box),
  };
  const request = preprocessingRequest(properties, configuration);
  const newShape = resampledShape(request);
  const { seg: croppedLabels, mask } = croppedSeg(job, readerBox);

  const channels = image.channels + labelsAsChannels.length;
  const data = new Float32Array(channels * elementCount(newShape));
  for (let c = 0; c < image.channels; c++) {
    const channel = normalizedChannel(job, c, readerBox, mask);
    await resampleChannel(channel, channelOf(data, c, channels), request, {
      ...job,
      onProgress: (share) => onProgress?.((c + share) / image.channels),
    });
  }
  const seg =
    croppedLabels &&
    narrowestLabels(
      resampleSegmentation(croppedLabels, { ...request, resampling: configuration.resamplingSeg }),
    );
  for (const [i, label] of labelsAsChannels.entries()) {
    if (seg) markLabel(seg, label, channelOf(data, image.channels + i, channels));
  }
  return {
    data,
    shape: [channels, newShape[0], newShape[1], newShape[2]],
    properties,
    ...(seg && { seg }),
  };
}

function markLabel(seg: Int8Array | Int16Array, label: number, channel: Float32Array): void {
  for (let i = 0; i < seg.length; i++) if (seg[i] === label) channel[i] = 1;
}

/** Spacing of the network's grid; a 2D configuration leaves slices where they are along the first axis. */
export function networkSpacing(configuration: Configuration, spacingTransposed: Spacing): Spacing {
  const { spacing } = configuration;
  return spacing.length === 3
    ? [spacing[0], spacing[1], spacing[2]]
    : [spacingTransposed[0], spacing[0], spacing[1]];
}

function preprocessingRequest(properties: CaseProperties, configuration: Configuration): ResampleRequest {
  const shape = properties.shapeAfterCroppingAndBeforeResampling;
  const spacing = properties.spacingTransposed;
  const newSpacing = networkSpacing(configuration, spacing);
  return {
    shape,
    newShape: computeNewShape(shape, spacing, newSpacing),
    spacing,
    newSpacing,
    resampling: configuration.resamplingData,
  };
}

function checkJob({ image, configuration, seg }: PreprocessCaseRequest): void {
  const expected = configuration.normalizationSchemes.length;
  if (image.channels !== expected) {
    throw new StudioError(
      'ChannelCount',
      `The image has ${image.channels} channel(s), but the model was trained with ${expected}.`,
      'Give one file per channel, named …_0000, …_0001 and so on, in the order of the model’s channels.',
    );
  }
  if (seg && seg.length !== elementCount(image.shape)) {
    throw new StudioError(
      'GeometryMismatch',
      `The label map has ${seg.length} voxels, but the image is ${formatXyz(image.shape)} = ${elementCount(image.shape)}.`,
      'Export both from the same series, then import again.',
    );
  }
}

/** Label map and mask in the crop, transposed, where the job or a normalisation asks for them. */
function croppedSeg(
  { image, plans, configuration, seg, shouldReturnSeg = seg !== undefined }: PreprocessCaseRequest,
  box: BoundingBox,
): { seg?: Int16Array; mask?: Uint8Array } {
  const { transposeForward } = plans;
  const isMaskUsed = configuration.useMaskForNorm.some(Boolean);
  if (!shouldReturnSeg && !isMaskUsed) return {};
  const nonzero = nonzeroMask(image.data, image.channels, image.shape);
  const inside = copyTransposed(nonzero, image.shape, box, transposeForward);
  const labels = seg && copyTransposed(Int16Array.from(seg), image.shape, box, transposeForward);
  const marked = markOutside(labels, inside);
  // nnU-Net normalises where the label is not −1: labelled voxels outside the non-zero mask take part.
  for (let i = 0; i < inside.length; i++) inside[i] = marked[i] >= 0 ? 1 : 0;
  return { ...(shouldReturnSeg && { seg: marked }), ...(isMaskUsed && { mask: inside }) };
}

function normalizedChannel(
  { image, plans, configuration }: PreprocessCaseRequest,
  c: number,
  box: BoundingBox,
  mask: Uint8Array | undefined,
): Float32Array {
  const source = channelOf(image.data, c, image.channels);
  const channel = copyTransposed(source, image.shape, box, plans.transposeForward);
  normalizationNamed(configuration.normalizationSchemes[c]).normalize(channel, {
    mask: configuration.useMaskForNorm[c] ? mask : undefined,
    intensity: plans.foregroundIntensityProperties[c],
  });
  return channel;
}

/** Channel `c` of `[c, …]`, without a copy. */
function channelOf(data: Float32Array, c: number, channels: number): Float32Array {
  const size = data.length / channels;
  return data.subarray(c * size, (c + 1) * size);
}
