// Geometry of a case in the words of nnU-Net's readers, so that its export of validation cases finds it.

import { PickleTuple } from '@/core/interop/pickleValues';
import { NumpyArrayToSave, PickleFloat, type SavedValue } from '@/core/interop/torchWriter';
import { itkPlaceOf, reorientedGrid } from '@/core/io/itkGeometry';
import type { GridGeometry, MedicalImage, NiftiGeometry } from '@/core/io/medicalImage';
import { bestAffine, parseNiftiHeader } from '@/core/io/niftiHeader';
import { type Affine, axisDirections, orientationCode, reorientedAffine } from '@/core/io/orientation';
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
  if (geometry.format !== 'nifti' && !('directions' in geometry)) return [];
  const doesReorient = reader.endsWith('WithReorient');
  return reader.startsWith('Nibabel')
    ? [['nibabel_stuff', nibabelStuff(geometry, doesReorient)]]
    : [['sitk_stuff', sitkStuff(geometry, doesReorient)]];
}

type Placed = NiftiGeometry | GridGeometry;

function nibabelStuff(geometry: Placed, doesReorient: boolean): SavedValue {
  const { affine: original, dim } = nibabelPlaceOf(geometry);
  const entries: Entry[] = [['original_affine', numpyAffine(original)]];
  if (doesReorient) {
    const { reorientation } = geometry;
    const affine = reorientation ? reorientedAffine(original, dim, reorientation) : original;
    entries.push(['reoriented_affine', numpyAffine(affine)]);
  }
  return new Map(entries);
}

/** `dim`: sizes, file order. */
function nibabelPlaceOf(geometry: Placed): { readonly affine: Affine; readonly dim: readonly number[] } {
  if (geometry.format !== 'nifti') return { affine: affineOfGrid(geometry), dim: geometry.size };
  const header = parseNiftiHeader(geometry.header, 'header');
  return { affine: bestAffine(header), dim: header.dim };
}

/** Two or three of everything, as the image has axes. ITK's direction matrix has an axis a column. */
function sitkStuff(geometry: Placed, doesReorient: boolean): SavedValue {
  const file =
    geometry.format === 'nifti' ? itkPlaceOf(parseNiftiHeader(geometry.header, 'header')).grid : geometry;
  const { reorientation } = geometry;
  const { size, spacing, origin, directions } = reorientation ? reorientedGrid(file, reorientation) : file;
  const axes = [0, 1, 2].slice(0, size.length);
  const entries: Entry[] = [
    ['spacing', floats(axes.map((axis) => spacing[axis]))],
    ['origin', floats(axes.map((axis) => origin[axis]))],
    ['direction', floats(axes.flatMap((row) => axes.map((column) => directions[column][row])))],
  ];
  if (doesReorient) {
    const orientation = axisDirections(affineOfGrid(file));
    if (orientation) entries.push(['original_orientation', orientationCode(orientation)]);
  }
  return new Map(entries);
}

function numpyAffine(affine: Affine): NumpyArrayToSave {
  const values = Float64Array.from([...affine.flat(), 0, 0, 0, 1]);
  return new NumpyArrayToSave('<f8', [4, 4], new Uint8Array(values.buffer));
}

/** Whole numbers too are floats. */
function floats(values: readonly number[]): readonly PickleFloat[] {
  return values.map((value) => new PickleFloat(value));
}
