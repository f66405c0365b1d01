// Geometry of a case in the words of nnU-Net's readers, so that its export of validation cases finds it.

import { PickleTuple } from '@/core/interop/pickleValues';
import { NumpyArrayToSave, PickleFloat, type SavedValue } from '@/core/interop/torchWriter';
import type { MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, headerOrientation, parseNiftiHeader } from '@/core/io/niftiHeader';
import { type Affine, axisDirections, orientationCode, type Reorientation } from '@/core/io/orientation';
import { affineOfGrid } from '@/core/io/volumeFile';
import type { CaseProperties } from './preprocessCase';

type Entry = readonly [string, SavedValue];

/** What nnU-Net saves of every case, in its order; what a later step adds comes behind. */
export function caseProperties(
  image: MedicalImage,
  properties: CaseProperties,
  reader: string,
): readonly Entry[] {
  return [
    ...readerProperties(image, reader),
    ['spacing', properties.spacing.map((value) => new PickleFloat(value))],
    ['shape_before_cropping', new PickleTuple([...properties.shapeBeforeCropping])],
    ['bbox_used_for_cropping', properties.bboxUsedForCropping.map((range) => [...range])],
    [
      'shape_after_cropping_and_before_resampling',
      new PickleTuple([...properties.shapeAfterCroppingAndBeforeResampling]),
    ],
  ];
}

/**
 * `sitk_stuff` or `nibabel_stuff` of a case read by nnU-Net's `reader`; nothing for formats without a position. Readers
 * that reorient say so of images too that lie as they should already: their writers ask for it.
 */
function readerProperties({ geometry }: MedicalImage, reader: string): readonly Entry[] {
  const place = placeOf(geometry);
  if (!place) return [];
  const { affine: original, dim, orientation, reorientation } = place;
  const affine = reorientation ? reorientedAffine(original, dim, reorientation) : original;
  const doesReorient = reader.endsWith('WithReorient');
  if (reader.startsWith('Nibabel')) {
    const entries: Entry[] = [['original_affine', numpyAffine(original)]];
    if (doesReorient) entries.push(['reoriented_affine', numpyAffine(affine)]);
    return [['nibabel_stuff', new Map(entries)]];
  }
  const entries = itkGeometry(affine);
  if (doesReorient && orientation) entries.push(['original_orientation', orientation]);
  return [['sitk_stuff', new Map(entries)]];
}

interface Place {
  readonly affine: Affine;
  /** Sizes, file order. */
  readonly dim: readonly number[];
  readonly orientation: string | undefined;
  readonly reorientation: Reorientation | undefined;
}

/** Where the file lies; pictures and TIFF stacks lie nowhere. */
function placeOf(geometry: MedicalImage['geometry']): Place | undefined {
  if (geometry.format === 'nifti') {
    const header = parseNiftiHeader(geometry.header, 'header');
    return {
      affine: bestAffine(header),
      dim: header.dim,
      orientation: headerOrientation(header),
      reorientation: geometry.reorientation,
    };
  }
  if (!('directions' in geometry)) return undefined;
  const affine = affineOfGrid(geometry);
  const directions = axisDirections(affine);
  return {
    affine,
    dim: geometry.size,
    orientation: directions && orientationCode(directions),
    reorientation: geometry.reorientation,
  };
}

/** Affine of the image after its axes were changed. */
function reorientedAffine(
  affine: Affine,
  dim: readonly number[],
  { fileAxes, isReversed }: Reorientation,
): Affine {
  const columns = [2, 1, 0].map((axis) => {
    const j = 2 - fileAxes[axis];
    const sign = isReversed[axis] ? -1 : 1;
    return {
      step: affine.map((row) => sign * row[j]),
      shift: affine.map((row) => (isReversed[axis] ? row[j] * (dim[j] - 1) : 0)),
    };
  });
  const row = (r: 0 | 1 | 2) =>
    [
      columns[0].step[r],
      columns[1].step[r],
      columns[2].step[r],
      affine[r][3] + columns[0].shift[r] + columns[1].shift[r] + columns[2].shift[r],
    ] as const;
  return [row(0), row(1), row(2)];
}

function numpyAffine(affine: Affine): NumpyArrayToSave {
  const values = Float64Array.from([...affine.flat(), 0, 0, 0, 1]);
  return new NumpyArrayToSave('<f8', [4, 4], new Uint8Array(values.buffer));
}

/** ITK's world runs to the left and back: x and y change sign. */
function itkGeometry(affine: Affine): Entry[] {
  const sign = [-1, -1, 1];
  const norms = [0, 1, 2].map((j) => Math.hypot(affine[0][j], affine[1][j], affine[2][j]));
  const direction = affine.flatMap((row, r) => norms.map((norm, j) => (sign[r] * row[j]) / (norm || 1)));
  return [
    ['spacing', floats(norms)],
    ['origin', floats(affine.map((row, r) => sign[r] * row[3]))],
    ['direction', floats(direction)],
  ];
}

/** Whole numbers too are floats. */
function floats(values: readonly number[]): readonly PickleFloat[] {
  return values.map((value) => new PickleFloat(value));
}
